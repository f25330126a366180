"""Work that nobody awaits, and whose failure is heard of all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import NoReturn

import structlog

log = structlog.get_logger(__name__)


class Background:
    """Tasks of one owner, kept alive until they are done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._failed = asyncio.Event()
        self._owner: Background | None = None

    def include(self, other: Background) -> None:
        """What fails there from now on has failed here."""
        other._owner = self

    @property
    def tasks(self) -> frozenset[asyncio.Task[None]]:
        """What is being done."""
        return frozenset(self._tasks)

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Do this, beside all else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def finished(self) -> None:
        """Wait until nothing is left to do."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def failed(self) -> NoReturn:
        """Wait for a task that fails, and raise what it raised."""
        await self._failed.wait()
        assert self._failure is not None
        raise self._failure

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        failure = task.exception()
        log.error("background.failed", exc_info=failure)
        self._fail(failure)

    def _fail(self, failure: BaseException | None) -> None:
        self._failure = failure
        self._failed.set()
        if self._owner is not None:
            self._owner._fail(failure)

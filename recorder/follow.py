"""The one loop under everything live: woken, then reads the rows after the last position.

No event is handed over in memory, so a slow reader costs nothing but its place, and what one sees
live is what one sees when reading again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from msgspec import Struct

from recorder.news import News
from recorder.queries.events import Happened, Place
from recorder.tails import Tails, Wanted
from schemas.resources import RunSummary

SILENCE_SECONDS = 15.0


class Silence(Struct, frozen=True):
    """Nothing was told for 15 s."""


class Ended(Struct, frozen=True):
    """The run has ended and all that happened in it was told."""

    run: RunSummary


R = TypeVar("R")


class Follower(Generic[R]):
    """Tells what happens in a run after `place`, some of it at a time; `place` moves on with it."""

    def __init__(
        self, run_id: str, wanted: Wanted[R], place: Place, tails: Tails, news: News
    ) -> None:
        self._run_id = run_id
        self._wanted = wanted
        self._tails = tails
        self._news = news
        self.place = place

    async def tell(self) -> AsyncGenerator[Sequence[Happened[R]] | Silence | Ended, None]:
        """All that happens, until the run has ended or this recorder is closing."""
        with self._tails.bell(self._run_id) as bell:
            told_at, ended = time.monotonic(), False
            while not (ended or self._news.closed):
                bell.clear()
                async for told in self._unread():
                    yield told
                    told_at, ended = time.monotonic(), isinstance(told, Ended)
                if not ended and not await _rings(bell, told_at + SILENCE_SECONDS):
                    yield Silence()
                    told_at = time.monotonic()

    async def tell_now(self) -> AsyncGenerator[Sequence[Happened[R]] | Silence | Ended, None]:
        """What there is, and no waiting for more."""
        with self._tails.bell(self._run_id):
            async for told in self._unread():
                yield told

    async def _unread(self) -> AsyncGenerator[Sequence[Happened[R]] | Ended, None]:
        while True:
            tail = await self._tails.after(self._run_id, self.place, self._wanted)
            self.place = tail.end
            if tail.happened:
                yield tail.happened
            if tail.whole:
                break
        # It was read whether the run has ended, then the events: so all up to its end are told.
        if tail.run.status != "active":
            yield Ended(tail.run)


async def _rings(bell: asyncio.Event, deadline: float) -> bool:
    """Whether it rings before the deadline; one that rang for what is not told does not move that."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        return False
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()
    return bell.is_set()

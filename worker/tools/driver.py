"""Playwright's driver, one process for all runs of a worker: started on the first hosted action, again when it died.

Nothing of Playwright is imported before that: a worker without hosted actions does not pay for it.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
from asyncio import Future
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

log = structlog.get_logger(__name__)

START_SECONDS = 30.0
CONNECT_SECONDS = 8.0
ALIVE_SECONDS = 3.0
STOP_SECONDS = 5.0
# Of our environment it needs no more; what else is there may be a secret.
_PASSED_ON = ("PATH", "TMPDIR", "LANG", "LC_ALL", "TZ", "PLAYWRIGHT_NODEJS_PATH")
_COMMAND = b"run-driver"


class DriverUnavailable(Exception):
    """It does not start, or does not reach the browser; the message says why."""


class Driver:
    """Starts it when it is needed, and connects to browsers."""

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._pidfd: int | None = None
        self._starting: asyncio.Task[Playwright] | None = None
        self.epoch = 0  # how often it was started or lost: a connection lives in one of them

    async def connect(self, new_url: Callable[[], str], scratch: Path) -> Browser:
        """Connect to a browser by a URL that is good once; `scratch` is for its files. Raises DriverUnavailable."""
        for last in (False, True):
            playwright = await self._started()
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await playwright.chromium.connect_over_cdp(
                        new_url(), is_local=True, no_defaults=True, artifacts_dir=scratch
                    )
            except Exception as error:  # Playwright's, or what its transport raised
                if last or not await self.is_lost():
                    why = str(error) or "the browser does not answer"
                    raise DriverUnavailable(f"Playwright does not connect: {why}") from error
        raise AssertionError

    async def is_lost(self) -> bool:
        """After a call that failed: whether the driver died, or stands still. The next call starts another."""
        playwright = self._playwright
        if playwright is None or await attempt(_asked(playwright), ALIVE_SECONDS):
            return playwright is None
        self._lose()
        return True

    async def stop(self) -> None:
        """No action is to come any more."""
        if self._starting is not None:
            await asyncio.wait({self._starting})
        playwright, pidfd = self._playwright, self._forget()
        if playwright is not None:
            await attempt(playwright.stop(), STOP_SECONDS)
        kill(pidfd)

    async def _started(self) -> Playwright:
        """All runs wait for one start; who gives up waiting ends it for nobody else."""
        if self._playwright is not None:
            return self._playwright
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(Future.exception)  # also where nobody waits any more
        return await asyncio.shield(self._starting)

    async def _start(self) -> Playwright:
        others = pids()
        self._playwright = playwright = await _start(others)
        self.epoch += 1
        self._watch(next(iter(pids() - others), None))
        return playwright

    def _watch(self, pid: int | None) -> None:
        """The kernel tells when its process ends."""
        log.info("driver.started", pid=pid)
        self._pidfd = _held(pid)
        if self._pidfd is not None:  # else it is gone already, and whoever calls it will see
            asyncio.get_running_loop().add_reader(self._pidfd, self._lose)

    def _lose(self) -> None:
        log.warning("driver.died")
        kill(self._forget())

    def _forget(self) -> int | None:
        """The pidfd that it had: nobody looks at it any more, and who has it now closes it (`kill`)."""
        self._playwright = None
        self.epoch += 1
        pidfd, self._pidfd = self._pidfd, None
        if pidfd is not None:
            asyncio.get_running_loop().remove_reader(pidfd)
        return pidfd


async def _start(others: set[int]) -> Playwright:
    api = await asyncio.to_thread(importlib.import_module, "playwright.async_api")
    transport: Any = importlib.import_module("playwright._impl.transport")
    theirs = importlib.import_module("playwright._impl._driver").get_driver_env
    transport.get_driver_env = lambda: environment(theirs())  # there is no option for that
    try:
        async with asyncio.timeout(START_SECONDS):
            manager = api.async_playwright()
            playwright: Playwright = await manager.start()
            # Else asyncio says of a driver that died, in many lines, that nobody asked why. We know (`_watch`).
            manager._client._transport.on_error_future.add_done_callback(Future.exception)
            # An error of a listener would be raised by whichever call comes next: another run's, maybe.
            manager._client._connection._on_event_listener_error = _listener_failed
    except Exception as error:  # whatever kept it from starting
        for pid in pids() - others:
            kill(_held(pid))
        why = str(error) or type(error).__name__
        raise DriverUnavailable(f"Playwright's driver does not start: {why}") from error
    return playwright


def _listener_failed(error: BaseException) -> None:
    """In code of Playwright's that no call of ours waits for, as when a browser ends while it connects to it."""
    log.warning("driver.listener_failed", reason=str(error))


def environment(theirs: dict[str, str]) -> dict[str, str]:
    """What the driver's process has, of what Playwright would pass on: its own, and nothing that is ours. Pure."""
    return {
        name: value for name, value in theirs.items() if name in _PASSED_ON or name[:3] == "PW_"
    } | {"HOME": "/nonexistent"}


async def _asked(playwright: Playwright) -> None:
    """Something that it has to answer."""
    await (await playwright.request.new_context()).dispose()


async def attempt(work: Awaitable[object], seconds: float) -> bool:
    """Whether it was done, of something that may be gone, or not answer any more."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except Exception as error:  # Playwright raises its own, and what its transport does
        log.debug("driver.no_answer", reason=str(error))
        return False
    return True


def pids() -> set[int]:
    """The drivers among our children."""
    ours = {
        pid for path in Path("/proc/self/task").glob("*/children") for pid in _read(path).split()
    }
    return {
        int(pid)
        for pid in ours
        if _COMMAND in _read(Path(f"/proc/{int(pid)}/cmdline")).split(b"\0")
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # that process, or that thread of ours, has ended
        return b""


def kill(pidfd: int | None) -> None:
    """End it at once, whether it answers or not: that process, and none that has its number since. Closes it."""
    if pidfd is not None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)


def _held(pid: int | None) -> int | None:
    """A pidfd; None: it has ended."""
    with suppress(ProcessLookupError):
        return os.pidfd_open(pid) if pid is not None else None
    return None

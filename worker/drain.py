"""A drain that somebody asked for: until when the runs may end by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress


class Drain:
    """Asked for or not. Who asks again sets another time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: float | None = None
        self._news = asyncio.Event()

    @property
    def asked(self) -> bool:
        """Whether somebody has."""
        return self._until is not None

    def ask(self, seconds: float) -> None:
        """Leave when no run is left, in so many seconds at the latest."""
        self._until = self._clock() + seconds
        self._news.set()

    def look_again(self) -> None:
        """A place is free."""
        self._news.set()

    async def wait(self, is_empty: Callable[[], bool]) -> None:
        """Wait until it is asked for, and then until nothing runs any more or the time is up."""
        while (left := self._seconds_left()) is None or (left > 0 and not is_empty()):
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._news.wait()

    async def emptied(self, is_empty: Callable[[], bool]) -> None:
        """Wait until nothing runs any more, however long that takes."""
        while not is_empty():
            self._news.clear()
            await self._news.wait()

    def _seconds_left(self) -> float | None:
        return None if self._until is None else self._until - self._clock()

"""How long a run may last, and how long with nobody attached. Timers around nothing but sums."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from schemas import ends
from schemas.ends import End


class Allowance:
    """Calls `stop` once either is used up. None: there is no such bound."""

    def __init__(
        self,
        *,
        idle_seconds: float | None,
        most_seconds: float | None,
        stop: Callable[[End], object],
    ) -> None:
        self._idle_seconds = idle_seconds
        self._most_seconds = most_seconds
        self._stop = stop
        self._idle: asyncio.TimerHandle | None = None
        self._most: asyncio.TimerHandle | None = None
        self._idle_since = 0.0
        self._attached = 0
        self._counts = False

    def begin(self) -> None:
        """The run is ready, and nobody is attached yet."""
        self._counts = True
        self._most = self._at(0.0, self._most_seconds, ends.MAX_DURATION)
        self.attached(self._attached)

    def attached(self, count: int) -> None:
        """So many are attached from now on."""
        self._attached = count
        self._idle_since = asyncio.get_running_loop().time()
        self._count_idle()

    def reconfigure(self, idle_seconds: float | None) -> None:
        """Another bound, also for the time that nobody has been attached already."""
        self._idle_seconds = idle_seconds
        self._count_idle()

    def end(self) -> None:
        """The run is over by now."""
        self._counts = False
        for timer in (self._idle, self._most):
            if timer is not None:
                timer.cancel()

    def _count_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._counts and not self._attached:
            passed = asyncio.get_running_loop().time() - self._idle_since
            self._idle = self._at(passed, self._idle_seconds, ends.IDLE)

    def _at(self, passed: float, seconds: float | None, end: End) -> asyncio.TimerHandle | None:
        if seconds is None:
            return None
        loop = asyncio.get_running_loop()
        return loop.call_later(max(0.0, seconds - passed), self._stop, end)

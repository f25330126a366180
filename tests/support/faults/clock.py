"""This process's wall clock, so that it can be set back while the process runs. The monotonic clock goes on."""

from __future__ import annotations

import signal
import time

HOUR_NS = 3_600_000_000_000

_time_ns = time.time_ns
_behind_ns = 0


def can_be_set_back() -> None:
    """From now on SIGUSR1 sets the clock back by an hour. To be called before anything takes hold of `time_ns`."""
    time.time_ns = _now_ns
    time.time = lambda: _now_ns() / 1e9
    signal.signal(signal.SIGUSR1, lambda *_: _set_back())


def _now_ns() -> int:
    return _time_ns() - _behind_ns


def _set_back() -> None:
    global _behind_ns  # noqa: PLW0603  # a process has one clock
    _behind_ns += HOUR_NS

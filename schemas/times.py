"""Times as the contract writes them: RFC 3339, UTC, milliseconds, `Z`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=64)
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(time_ns: int) -> str:
    """Nanoseconds since 1970 as `2026-11-22T01:44:00.123Z`."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{_whole_second(seconds)}.{nanoseconds // 1_000_000:03d}Z"


def milliseconds(time: str) -> int:
    """An RFC 3339 time as milliseconds since 1970. Raises ValueError."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def milliseconds_between(start: str, end: str) -> int:
    """Whole milliseconds from one time to another; 0 where clocks were set back, and where one is no time at all."""
    try:
        return max(0, milliseconds(end) - milliseconds(start))
    except (ValueError, OverflowError):
        return 0

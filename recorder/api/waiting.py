"""How long a wait may take."""

from __future__ import annotations

from schemas.resources import WaitForEvent, WaitForRun

DEFAULT_SECONDS = 30.0


def seconds_of(body: WaitForEvent | WaitForRun) -> float:
    """The time-out asked for, in either spelling; 30 s without one."""
    if isinstance(body.timeout_ms, int):
        return body.timeout_ms / 1000
    if isinstance(body.timeout_seconds, float | int):
        return float(body.timeout_seconds)
    return DEFAULT_SECONDS

"""How long a wait may take, and waiting for a change of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated

from msgspec import Meta, Struct

from recorder.api.parse import invalid
from recorder.news import News
from schemas.resources import WaitForEvent, WaitForInvocation, WaitForRun
from schemas.types import whole

DEFAULT_SECONDS = 30.0
MOST_SECONDS = 120.0
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class StartQuery(Struct, frozen=True, kw_only=True):
    """`wait`: how long to wait for a place where none is free: `10s`, `500ms`, or plain seconds; at most 120 s."""

    wait: Annotated[str, Meta(pattern=whole(r"[0-9]{1,6}(?:\.[0-9]{1,3})?(?:ms|s|m)?"))] = "0s"

    @property
    def wait_seconds(self) -> float:
        """Raises RequestInvalid when it is too long."""
        number = self.wait.rstrip("ms")
        seconds = float(number) * UNITS[self.wait.removeprefix(number) or "s"]
        if seconds > MOST_SECONDS:
            raise invalid("$.wait", f"$.wait: at most {MOST_SECONDS:.0f} s")
        return seconds


def seconds_of(body: WaitForEvent | WaitForInvocation | WaitForRun) -> float:
    """The time-out asked for, in either spelling, at most 120 s; 30 s without one."""
    if isinstance(body.timeout_ms, int):
        return min(body.timeout_ms / 1000, MOST_SECONDS)
    if isinstance(body.timeout_seconds, float | int):
        return min(float(body.timeout_seconds), MOST_SECONDS)
    return DEFAULT_SECONDS


async def wait_until(
    holds: Callable[[], Awaitable[bool]], news: News, run_id: str, seconds: float
) -> None:
    """Until it holds, looking whenever the run has changed; at most so long, and not beyond this recorder's end."""
    with suppress(TimeoutError), news.bell(run_id) as bell:
        async with asyncio.timeout(seconds):
            while not (await holds() or news.closed):
                await bell.wait()
                bell.clear()

"""Asks a worker to drain, and follows its heartbeat until it has left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from recorder.bus import AnswerTimedOut, Bus, NobodyAnswered
from schemas import codec, subjects
from schemas.problems import CannotReach, CannotStart
from schemas.requests import Drain, Draining, Heartbeat, Refused

ANSWER_SECONDS = 10.0
# Its beats come every two seconds. One that is silent for so long has not left in order: it died, or lost NATS.
SILENT_SECONDS = 20.0


class Drained(Struct, frozen=True, kw_only=True, rename="camel"):
    """What `runreel worker drain --json` answers. `active` runs were there when it was asked.

    `left`: it has ended them, published all that it had, and is gone; else it fell silent.
    """

    worker_id: str
    active: int
    left: bool
    seconds: float


async def drain(
    bus: Bus, worker_id: str, deadline_seconds: int, tell: Callable[[Heartbeat], None]
) -> Drained:
    """Have it drain; `tell` is told each beat until it has left. Raises CannotStart, CannotReach."""
    since = time.monotonic()
    asked = await _ask(bus, worker_id, deadline_seconds)
    left = await _follow(bus, worker_id, tell)
    seconds = round(time.monotonic() - since, 3)
    return Drained(worker_id=worker_id, active=asked.active, left=left, seconds=seconds)


async def _follow(bus: Bus, worker_id: str, tell: Callable[[Heartbeat], None]) -> bool:
    """Whether it has left; False once it is silent."""
    beats = _beats(bus, worker_id)
    try:
        while heartbeat := await asyncio.wait_for(anext(beats), SILENT_SECONDS):
            tell(heartbeat)
    except TimeoutError:
        return False
    return True


async def _ask(bus: Bus, worker_id: str, deadline_seconds: int) -> Draining:
    subject = subjects.drain_request(worker_id)
    request = codec.encode(Drain(deadline_seconds=deadline_seconds))
    try:
        answer = await bus.request(subject, request, ANSWER_SECONDS)
    except NobodyAnswered as error:
        raise CannotStart(
            f"No worker {worker_id} is there.", "`runreel status` lists the workers that there are."
        ) from error
    except AnswerTimedOut as error:
        raise CannotReach(
            f"The worker {worker_id} does not answer: {error}.", "Its log may say why."
        ) from error
    if isinstance(answer, Refused):
        raise CannotStart(f"The worker {worker_id} refuses: {answer.message}", "Is it older?")
    if not isinstance(answer, Draining):
        raise CannotStart("The worker answered something else.", "Is it of the same version?")
    return answer


async def _beats(bus: Bus, worker_id: str) -> AsyncIterator[Heartbeat | None]:
    """Its newest beat, and each that comes; None once it has taken itself off."""
    while True:
        async for beat in bus.heartbeats():
            if beat.worker_id == worker_id:
                yield beat.heartbeat
        await asyncio.sleep(1)

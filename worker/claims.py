"""Which of our runs are ours no more, and which an earlier worker of our name left."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

import structlog
from msgspec import Struct

from schemas import ends
from schemas.codec import EventFromTheFuture, EventUnreadable, decode_data
from schemas.envelope import Event
from schemas.events.runtime import RuntimeLifecycle
from schemas.requests import Claim
from worker.bus import Bus
from worker.outbox import Outbox
from worker.run_log import RunLog
from worker.runtime import Runtime, stored

log = structlog.get_logger(__name__)


class Doubts:
    """Who was missed at two looks in a row. Pure; one look may have met a server that was behind the others."""

    def __init__(self) -> None:
        self._missed: frozenset[str] = frozenset()

    def confirmed(self, missed: Iterable[str]) -> frozenset[str]:
        """Those missed now and the time before."""
        now, before = frozenset(missed), self._missed
        self._missed = now
        return now & before

    def forget(self) -> None:
        """The next look is the first again."""
        self._missed = frozenset()


async def unclaimed(bus: Bus, runtimes: Collection[Runtime]) -> list[str]:
    """The ids of those runs whose claim is gone or another run's. Raises LinkDown."""
    logs = [runtime.log for runtime in runtimes]
    held = await asyncio.gather(*(bus.is_claimed_for(log.runtime_id, log.run_id) for log in logs))
    return [log.run_id for log, is_held in zip(logs, held, strict=True) if not is_held]


class Left(Struct, frozen=True):
    """A run that was going on when its worker died, and what is known of the last that it wrote, oldest first."""

    runtime_id: str
    claim: Claim
    known: list[Event]

    @property
    def newest(self) -> Event | None:
        """The last, if it wrote anything."""
        return self.known[-1] if self.known else None

    @property
    def last(self) -> int:
        """The last number that was taken."""
        return self.newest.number if self.newest else 0

    @property
    def has_ended(self) -> bool:
        """Whether it was over already, and only its claim is left. Files may have been told after its end."""
        return any(_is_end(event) for event in self.known)


def _is_end(event: Event) -> bool:
    try:
        data = decode_data(event)
    except (EventUnreadable, EventFromTheFuture):
        return False
    return isinstance(data, RuntimeLifecycle) and data.phase == "ended"


async def end_left(left: Left, run_log: RunLog, outbox: Outbox) -> None:
    """End a run that was left, unless that was done; return when the stream knows."""
    wanted = left.newest.id if left.has_ended and left.newest else None
    entry = next((each for each in outbox.entries if each.event_id == wanted), None)
    if not left.has_ended:
        log.warning("runtime.ended_after_restart", run_id=run_log.run_id, last=left.last)
        entry = await stored(lambda: run_log.end(ends.HOST_RESTARTED), run_log.run_id)
    if entry is not None:
        await outbox.acknowledged(entry)


async def left_runs(bus: Bus, outbox: Outbox, worker_id: str) -> list[Left]:
    """The runs that are still claimed by an earlier worker of that name. Raises LinkDown."""
    found = []
    for runtime_id, claim in (await bus.claims_of(worker_id)).items():
        known = await known_of(bus, outbox, claim.run_id, worker_id)
        found.append(Left(runtime_id, claim, known))
    return found


async def known_of(bus: Bus, outbox: Outbox, run_id: str, worker_id: str) -> list[Event]:
    """The last that an earlier worker of that name wrote of a run, as the stream and the outbox know: oldest first.

    Raises LinkDown.
    """
    stored = await bus.stored_of(run_id, worker_id)
    newest = stored.newest if stored else None
    known = (newest, outbox.left_lifecycles.get(run_id), outbox.left.get(run_id))
    return sorted(filter(None, known), key=lambda event: event.number)

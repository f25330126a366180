"""What an agent outside says, on its way into a run's log: known types typed, its own as they are, at a bounded rate.

An event that comes again with its client's id has the id that it had, and is not written again; of a run the newest
20,000 are remembered. What comes again after that keeps its id, too, so that no table shows it twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import UNSET, Struct
from uuid_utils import uuid7

from schemas.events import EVENT_TYPES, EventData
from schemas.events.custom import Custom, is_ingested
from schemas.ids import fact_id
from schemas.problems import RateLimited, RequestInvalid, StorageUnavailable
from schemas.requests import IngestedEvent, Refused
from worker.budget import BURST_SECONDS, Bucket
from worker.fact import Fact
from worker.limits import cut_text
from worker.outbox import Entry
from worker.redact import redact_text

EVENTS_PER_SECOND = 200  # ten seconds' worth of either may come at once
BYTES_PER_SECOND = 1024 * 1024
MOST_REMEMBERED = 20_000
NAME_BYTES = 256

NO_ROOM = Refused(code=StorageUnavailable.code, message="The worker's disk takes no more events.")
SPENT = Refused(
    code=RateLimited.code,
    message="This run has as many events as it may have (RUNREEL_RUN_EVENTS, RUNREEL_RUN_BYTES).",
    retry_after_seconds=3600,
)
_STATUS = {
    "tool.call.started": "started",
    "tool.call.finished": "finished",
    "tool.call.failed": "failed",
}


class Log(Protocol):
    """Where a run's events go."""

    @property
    def is_spent(self) -> bool:
        """Whether the run has written as much as it may."""

    def record(self, fact: Fact) -> Entry | None:
        """Write a fact; None: it could not be."""


class Taken(Struct, frozen=True):
    """The ids that the events have, in their order, and the last one that was ever written."""

    event_ids: list[str]
    entry: Entry | None


class Ingestion:
    """Into one run, within the budget that all of its events have together."""

    def __init__(self, run_id: str, log: Log) -> None:
        self._run_id = run_id
        self._log = log
        self._remembered: dict[str, None] = {}
        self._events = Bucket(EVENTS_PER_SECOND * BURST_SECONDS, 0.0)
        self._bytes = Bucket(BYTES_PER_SECOND * BURST_SECONDS, 0.0)
        self._newest: Entry | None = None

    def take(self, events: Sequence[IngestedEvent], now: float) -> Taken | Refused:
        """Write them in their order, at `now` (monotonic, seconds): all, or none where one cannot be."""
        try:
            facts = [_fact(self._run_id, event) for event in events]
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            return Refused(code=RequestInvalid.code, message=f"Not an event from outside: {error}")
        if self._log.is_spent:
            return SPENT
        if (seconds := self._seconds_until_room(events, now)) > 0:
            return Refused(
                code=RateLimited.code,
                message=f"A run takes {EVENTS_PER_SECOND} events a second from outside.",
                retry_after_seconds=math.ceil(seconds),
            )
        ids = [self._write(fact) for fact in facts]
        known = [each for each in ids if each is not None]
        return Taken(known, self._newest) if len(known) == len(ids) else NO_ROOM

    def _seconds_until_room(self, events: Sequence[IngestedEvent], now: float) -> float:
        """0: there is room, and it is taken."""
        wanted = (
            (self._events, EVENTS_PER_SECOND, len(events)),
            (self._bytes, BYTES_PER_SECOND, sum(len(bytes(each.data)) for each in events)),
        )
        seconds = max(bucket.seconds_until(rate, now, count) for bucket, rate, count in wanted)
        if seconds <= 0:
            for bucket, rate, count in wanted:
                bucket.take(rate, now, count)
        return seconds

    def _write(self, fact: Fact) -> str | None:
        """Its id, also where it was there already; None: it could not be written."""
        event_id = fact.event_id or str(uuid7())
        if event_id in self._remembered:
            return event_id
        entry = self._log.record(msgspec.structs.replace(fact, event_id=event_id))
        if entry is None:
            return None
        self._newest = entry
        if fact.event_id:
            self._remember(event_id)
        return event_id

    def _remember(self, event_id: str) -> None:
        self._remembered[event_id] = None
        if len(self._remembered) > MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]


def _fact(run_id: str, event: IngestedEvent) -> Fact:
    """Raises ValueError."""
    if not is_ingested(event.type):
        raise ValueError(f"{event.type} does not come from outside")
    known = EVENT_TYPES.get(event.type)
    data: EventData = (
        Custom(body=event.data)
        if known is None
        else msgspec.json.decode(event.data, type=known.struct)
    )
    return Fact(
        type=event.type,
        event_id=fact_id("ingested", run_id, event.client_id) if event.client_id else "",
        data=data,
        name=redact_text(cut_text(event.name, NAME_BYTES)) if event.name else UNSET,
        status=event.status or _STATUS.get(event.type) or UNSET,
        page_id=redact_text(event.page_id) if event.page_id else UNSET,
    )

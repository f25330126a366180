"""What an agent outside says, on its way into a run's log: known types typed, its own as they are, at a bounded rate.

An event that comes again with its client's id has the id that it had, and is not written again, as long as the run
goes on: a number that is given twice would be missing. So no more are taken than a run may have events.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct
from uuid_utils import uuid7

from schemas.events import EVENT_TYPES, EventData
from schemas.events.custom import MOST_ID_CHARS, OURS, Custom, is_ingested
from schemas.ids import derived_id
from schemas.problems import RateLimited, RequestInvalid, StorageUnavailable
from schemas.requests import IngestedEvent, Refused
from worker.budget import BURST_SECONDS, Bucket
from worker.fact import Fact
from worker.limits import cut_text
from worker.outbox import Entry
from worker.redact import redact_text

EVENTS_PER_SECOND = 200  # ten seconds' worth of either may come at once
BYTES_PER_SECOND = 1024 * 1024
NAME_BYTES = 256

SHARDS = 1024
_HASH = 2**64 - 1

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

    def record_all(self, facts: Sequence[Fact]) -> list[Entry] | None:
        """Write facts, all or none; None: they could not be."""


class Seen:
    """Which UUIDs there were, by eight bytes of each: 9 MB for the million events that a run may have by default.

    Two of a million fall together once in ten million runs; in sorted parts, so that none of them takes long to grow.
    """

    def __init__(self) -> None:
        self._shards: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))

    def __contains__(self, event_id: str) -> bool:
        shard, at, seen = self._place(event_id)
        return at < len(shard) and shard[at] == seen

    def add(self, event_id: str) -> None:
        """From now on it was there."""
        shard, at, seen = self._place(event_id)
        shard.insert(at, seen)

    def _place(self, event_id: str) -> tuple[array[int], int, int]:
        seen = UUID(event_id).int & _HASH
        shard = self._shards[seen % SHARDS]
        return shard, bisect_left(shard, seen), seen


class Taken(Struct, frozen=True):
    """The ids that the events have, in their order, and the last one that was ever written."""

    event_ids: list[str]
    entry: Entry | None


class Ingestion:
    """Into one run, within the budget that all of its events have together."""

    def __init__(self, run_id: str, log: Log) -> None:
        self._run_id = run_id
        self._log = log
        self._seen = Seen()
        self._events = Bucket(EVENTS_PER_SECOND * BURST_SECONDS, 0.0)
        self._bytes = Bucket(BYTES_PER_SECOND * BURST_SECONDS, 0.0)
        self._newest: Entry | None = None

    def take(self, events: Sequence[IngestedEvent], now: float) -> Taken | Refused:
        """Write them in their order, at `now` (monotonic, seconds): all, or none where one cannot be."""
        try:
            facts = [_fact(self._run_id, event) for event in events]
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            return Refused(code=RequestInvalid.code, message=f"Not an event from outside: {error}")
        ids = [fact.event_id for fact in facts]
        fresh: dict[str, Fact] = {}
        for fact in facts:
            if fact.event_id not in self._seen:
                fresh.setdefault(fact.event_id, fact)
        if fresh and self._log.is_spent:
            return SPENT
        if (seconds := self._seconds_until_room(events, now)) > 0:
            return Refused(
                code=RateLimited.code,
                message=f"A run takes {EVENTS_PER_SECOND} events a second from outside.",
                retry_after_seconds=math.ceil(seconds),
            )
        if fresh and not self._write(list(fresh.values())):
            return NO_ROOM
        return Taken(ids, self._newest)

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

    def _write(self, facts: Sequence[Fact]) -> bool:
        """Whether they are written now."""
        entries = self._log.record_all(facts)
        if entries is None:
            return False
        self._newest = entries[-1]
        for fact in facts:
            self._seen.add(fact.event_id)
        return True


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
    _check(data, event.page_id)
    return Fact(
        type=event.type,
        event_id=_id_of(run_id, event.client_id),
        data=data,
        name=redact_text(cut_text(event.name, NAME_BYTES)) if event.name else UNSET,
        status=event.status or _STATUS.get(event.type) or UNSET,
        page_id=redact_text(event.page_id) if event.page_id else UNSET,
    )


def _check(data: EventData, page_id: str | None) -> None:
    """Raises ValueError where somebody outside says what only a worker can, or an id is too long to be kept."""
    said = msgspec.structs.asdict(data) | {"page_id": page_id}
    names = {field.name: field.encode_name for field in msgspec.structs.fields(data)}
    for name in OURS:
        if said.get(name, UNSET) is not UNSET:
            raise ValueError(f"{names[name]} is said of the steps of hosted actions only")
    for name, value in said.items():
        is_id = name.endswith("_id") and isinstance(value, str)
        if is_id and len(value) > MOST_ID_CHARS:
            raise ValueError(
                f"{names.get(name, 'pageId')} has more than {MOST_ID_CHARS} characters"
            )


def _id_of(run_id: str, client_id: str | None) -> str:
    return derived_id("ingested", run_id, client_id) if client_id else str(uuid7())

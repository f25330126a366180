"""One run: the log of one browser from start to stop. It numbers events, synchronously, where they arrive."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from uuid_utils import uuid7

from schemas import subjects
from schemas.codec import encode, encode_event
from schemas.ends import End
from schemas.envelope import Event, sequence_text, worker_source
from schemas.events import EventData, type_of
from schemas.events.custom import Custom
from schemas.events.runtime import EgressHold, RuntimeLifecycle, WallLevel
from schemas.times import rfc3339
from schemas.types import EVENT_LIMIT_BYTES
from worker.fact import Fact
from worker.limits import cut
from worker.outbox import Entry, Outbox
from worker.redact import redact

D = TypeVar("D", bound=EventData)


class RunLog:
    """The numbered events of one run. Nothing is awaited between a fact and its number: order is decided here."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        worker_id: str,
        run_id: str,
        runtime_id: str,
        space_id: str,
        last: int = 0,
    ) -> None:
        self.run_id = run_id
        self.runtime_id = runtime_id
        self.space_id = space_id
        self.last = last
        self.ended = False
        self.keeps_headers = False
        self._outbox = outbox
        self._worker_id = worker_id
        self._source = worker_source(worker_id)

    def record(self, fact: Fact, *, last: bool = False) -> Entry:
        """Redact, cut, number and store a fact; its place in the outbox. Raises OSError when that or the disk is full.

        `last` ones, those that a run ends with, have room there that others do not have.
        """
        entry = self._outbox.put(*self._message(fact, self.last + 1), last=last)
        self.last += 1
        return entry

    def record_all(self, facts: Sequence[Fact]) -> list[Entry]:
        """Write several facts one after another as `record` does: all or none. Raises OSError."""
        numbered = enumerate(facts, self.last + 1)
        entries = self._outbox.put_all([self._message(fact, number) for number, fact in numbered])
        self.last += len(entries)
        return entries

    def _message(self, fact: Fact, number: int) -> tuple[str, str, bytes]:
        """An event's subject, its id, and the event."""
        spec = type_of(fact.data)
        event_type = fact.type or spec.name
        clean = self._clean(fact.data)
        event = self._event(event_type, spec.version, fact, number, clean)
        message = encode_event(event)
        if len(message) > EVENT_LIMIT_BYTES:
            less = _without_bulk(clean, len(message))
            event = self._event(event_type, spec.version, fact, number, less)
            message = encode_event(event)
        subject = subjects.run_event(self.space_id, self.run_id, self._worker_id, event_type)
        return subject, event.id, message

    def launching(self, *, proxied: bool = False) -> Entry:
        """The first event of every run."""
        lifecycle = RuntimeLifecycle(phase="launching", worker_id=self._worker_id, proxied=proxied)
        return self.record(Fact(data=lifecycle))

    def ready(
        self,
        *,
        gateway_url: str,
        browser: str,
        sandbox: bool,
        wall: WallLevel | UnsetType = UNSET,
        egress: EgressHold | UnsetType = UNSET,
        clock_skew_ms: int | UnsetType = UNSET,
    ) -> Entry:
        """The browser answers."""
        lifecycle = RuntimeLifecycle(
            phase="ready",
            worker_id=self._worker_id,
            gateway_url=gateway_url,
            browser=browser,
            sandbox=sandbox,
            wall=wall,
            egress=egress,
            clock_skew_ms=clock_skew_ms,
        )
        return self.record(Fact(data=lifecycle, status="started"))

    def end(
        self,
        end: End,
        detail: str = "",
        *,
        duration_ms: int | UnsetType = UNSET,
        passed_over: dict[str, int] | None = None,
        requested_at: str = "",
        proxy_bytes: int | None = None,
    ) -> Entry:
        """The last event of every run. `passed_over` and `requested_at` are left out where nothing was."""
        lifecycle = RuntimeLifecycle(
            phase="ended",
            worker_id=self._worker_id,
            code=end.code,
            message=f"{end.message} {detail}".strip(),
            passed_over=passed_over or UNSET,
            requested_at=requested_at or UNSET,
            proxy_bytes=UNSET if proxy_bytes is None else proxy_bytes,
        )
        fact = Fact(data=lifecycle, status=end.status, duration_ms=duration_ms)
        entry = self.record(fact, last=True)
        self.ended = True
        return entry

    def _clean(self, data: D) -> D:
        """Without secrets and within limits. Cut first, so that length costs no time; redacting may lengthen again."""
        within = cut(data)
        redacted = redact(within, keep_headers=self.keeps_headers)
        return within if redacted is within else cut(redacted)

    def _event(
        self, event_type: str, version: int, fact: Fact, number: int, data: EventData
    ) -> Event:
        return Event(
            id=fact.event_id or str(uuid7()),
            source=self._source,
            type=event_type,
            time=rfc3339(time.time_ns()),
            spaceid=self.space_id,
            runid=self.run_id,
            runtimeid=self.runtime_id,
            sequence=sequence_text(number),
            dataversion=version,
            status=fact.status,
            name=fact.name,
            pageid=fact.page_id,
            contextid=fact.context_id,
            connectionid=fact.connection_id,
            durationms=fact.duration_ms,
            data=_body_of(data),
        )


def _body_of(data: EventData) -> msgspec.Raw:
    return data.body if isinstance(data, Custom) else msgspec.Raw(encode(data))


def _without_bulk(data: D, size_bytes: int) -> D:
    """A body whose parts fit and whose whole does not, without stacks, headers and timings; and that is said."""
    bulky = {
        field.name: UNSET
        for field in msgspec.structs.fields(type(data))
        if field.name in ("stack", "args", "headers", "request_headers", "timing", "initiator")
    }
    truncated = dict(data.truncated or {}) | {"data": size_bytes}
    return msgspec.structs.replace(data, **bulky, truncated=truncated)

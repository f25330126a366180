"""A run whose events a test writes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uuid_utils

from schemas import codec, subjects
from schemas.ends import REQUESTED, End
from schemas.envelope import Event, sequence_text, worker_source
from schemas.events import EventData, type_of
from schemas.events.runtime import RuntimeLifecycle
from schemas.requests import TargetInfo
from schemas.times import rfc3339

GATEWAY = "ws://127.0.0.1:9999"


def new_id() -> str:
    return str(uuid_utils.uuid7())


@dataclass
class FakeRun:
    """A run whose events a test writes. `number` is that of its last one."""

    worker_id: str
    space_id: str
    runtime_id: str
    run_id: str = field(default_factory=new_id)
    number: int = 0
    connections: set[str] = field(default_factory=set)
    invocations: set[str] = field(default_factory=set)
    targets: dict[str, TargetInfo] = field(default_factory=dict)

    def event(self, data: EventData | str, number: int | None = None, **attributes: Any) -> Event:
        """The next event, or one with a number of its own; a text is a type, and nothing is said of its body."""
        self.number = number if number is not None else self.number + 1
        kind = None if isinstance(data, str) else type_of(data)
        given: dict[str, Any] = {
            "id": new_id(),
            "source": worker_source(self.worker_id),
            "type": kind.name if kind else data,
            "time": rfc3339(time.time_ns()),
            "spaceid": self.space_id,
            "runid": self.run_id,
            "runtimeid": self.runtime_id,
            "sequence": sequence_text(self.number),
            "dataversion": kind.version if kind else 1,
            "data": msgspec.Raw(codec.encode(data) if kind else b'{"new": true}'),
        }
        return Event(**(given | attributes))

    def launching(self) -> Event:
        return self.event(
            RuntimeLifecycle(phase="launching", worker_id=self.worker_id, gateway_url=GATEWAY),
            status="started",
        )

    def ready(self) -> Event:
        return self.event(
            RuntimeLifecycle(phase="ready", wall="uid", egress="proxy"), status="started"
        )

    def ended(self, end: End = REQUESTED) -> Event:
        return self.event(
            RuntimeLifecycle(phase="ended", code=end.code, message=end.message), status=end.status
        )

    def subject(self, event: Event) -> str:
        return subjects.run_event(self.space_id, self.run_id, self.worker_id, event.type)

"""A run written as a list of happenings, for tests of its timeline."""

import msgspec
from msgspec import UNSET, Raw, UnsetType

from schemas.events import EventData, type_of
from schemas.resources import Run, RunEvent
from schemas.times import rfc3339

START_MS = 1_795_000_000_000
PAGE_ID = "page-1"


def event(
    at_ms: int,
    data: EventData,
    *,
    page_id: str = PAGE_ID,
    status: str = "",
    duration_seconds: float | UnsetType = UNSET,
) -> RunEvent:
    """An event `at_ms` after the run's start."""
    spec = type_of(data)
    body = msgspec.json.encode(data)
    told = raw_event(at_ms, spec.name, spec.category, body, page_id, status)
    return msgspec.structs.replace(told, duration_seconds=duration_seconds)


def raw_event(
    at_ms: int, kind: str, category: str, data: bytes, page_id: str = PAGE_ID, status: str = ""
) -> RunEvent:
    return RunEvent(
        id=f"event-{at_ms}",
        type=kind,
        category=category,
        time=rfc3339((START_MS + at_ms) * 1_000_000),
        sequence=1,
        source="worker",
        late=False,
        data=Raw(data),
        page_id=page_id,
        status=status or UNSET,
    )


def run(**changes: object) -> Run:
    """A run that lasted two seconds."""
    wire = {
        "id": "0190a000-0000-7000-8000-000000000001",
        "runtimeId": "0190a000-0000-7000-8000-000000000002",
        "runtimeType": "browser",
        "spaceId": "00000000-0000-7000-8000-000000000001",
        "status": "stopped",
        "createdAt": rfc3339(START_MS * 1_000_000),
        "startedAt": rfc3339(START_MS * 1_000_000),
        "finishedAt": rfc3339((START_MS + 2000) * 1_000_000),
        "durationSeconds": 2.0,
        "failure": None,
        "counts": {"events": 7},
        "lastSequence": 7,
        "missing": [],
        "late": 0,
    }
    return msgspec.convert({**wire, **changes}, Run)

"""Events of a run: listed, streamed, waited for, and brought from outside."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, UnsetType, field

from ..types import whole
from .resource import Failure, Request, Resource
from .runs import RunStatus


class RunEvent(Resource, frozen=True, kw_only=True):
    """An event of a run. `sequence` is the writer's own number; the order is that of the list."""

    id: str
    type: str
    category: str
    time: str
    sequence: int
    source: Literal["worker", "recorder"]
    late: bool
    data: Annotated[Raw, Meta(extra_json_schema={"type": "object"})]
    status: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    page_id: str | UnsetType = UNSET
    context_id: str | UnsetType = UNSET
    connection_id: str | UnsetType = UNSET
    duration_seconds: float | UnsetType = UNSET


class WaitedEvent(Resource, frozen=True, kw_only=True):
    """The answer of a wait: the event, or why there is none."""

    event: RunEvent | None
    timed_out: bool
    cursor: str
    run_ended: bool | UnsetType = UNSET


class RunEnded(Resource, frozen=True, kw_only=True):
    """The data of a stream's last frame."""

    run_id: str
    status: RunStatus
    finished_at: str | None
    failure: Failure | None


class WaitForEvent(Request, frozen=True, kw_only=True):
    """What to wait for; without `cursor`, only what comes after this request."""

    type: list[str] | str | None = None
    status: list[str] | str | None = None
    category: list[str] | str | None = None
    page_id: str | None = None
    connection_id: str | None = None
    cursor: str | None = None
    timeout_ms: Annotated[int, Meta(ge=0, le=120_000)] | UnsetType = UNSET
    timeout_seconds: Annotated[float, Meta(ge=0, le=120)] | UnsetType = UNSET


class EventToIngest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event from outside: of a type `tool.call.started|finished|failed`, `llm.usage`,
    `captcha.solve.started|succeeded|failed` or `custom.*`.

    `id` is the client's own for it: sent again with the same, it is not written again.
    """

    type: Annotated[str, Meta(pattern=whole(r"[a-z][a-z0-9_-]{0,63}(?:\.[a-z0-9_-]{1,64}){1,7}"))]
    data: dict[str, Any] = field(default_factory=dict)
    id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    name: Annotated[str, Meta(max_length=256)] | None = None
    status: Literal["started", "stopped", "failed", "finished", "received"] | None = None
    page_id: Annotated[str, Meta(max_length=128)] | None = None


class IngestEvents(Request, frozen=True, kw_only=True):
    """Several events, in their order; all are written or none."""

    events: Annotated[list[EventToIngest], Meta(min_length=1, max_length=500)]


class IngestedEvents(Resource, frozen=True, kw_only=True):
    """The ids that they have in the run's log."""

    event_ids: list[str]

"""A fact before it is an event: what happened and where, not yet numbered."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from schemas.events import EventData


class Fact(Struct, frozen=True, kw_only=True):
    """The body of an event and the envelope's attributes that go with it.

    What comes from outside brings its `type`, and an `event_id` that is the same when it comes again.
    """

    data: EventData
    type: str = ""
    event_id: str = ""
    status: str | UnsetType = UNSET
    page_id: str | UnsetType = UNSET
    context_id: str | UnsetType = UNSET
    connection_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET

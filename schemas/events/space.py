"""Spaces: what runtimes live in. On CONTROL."""

from __future__ import annotations

from msgspec import field

from ._registry import EventData, event


@event("space.created", category="runtime")
class SpaceCreated(EventData, frozen=True, kw_only=True):
    """Someone made a space. `egress_allow` is what its browsers may reach beside the internet (`schemas.egress`)."""

    space_id: str
    name: str
    egress_allow: list[str] = field(default_factory=list)


@event("space.updated", category="runtime")
class SpaceUpdated(EventData, frozen=True, kw_only=True):
    """Someone changed a space: the whole of what it is from now on."""

    space_id: str
    name: str
    egress_allow: list[str] = field(default_factory=list)


@event("space.deleted", category="runtime")
class SpaceDeleted(EventData, frozen=True, kw_only=True):
    """Someone deleted a space in which there was no runtime any more."""

    space_id: str

"""Spaces: what runtimes live in. On CONTROL."""

from __future__ import annotations

from ._registry import EventData, event


@event("space.created", category="runtime")
class SpaceCreated(EventData, frozen=True, kw_only=True):
    """Someone made a space."""

    space_id: str
    name: str


@event("space.updated", category="runtime")
class SpaceUpdated(EventData, frozen=True, kw_only=True):
    """Someone renamed a space."""

    space_id: str
    name: str


@event("space.deleted", category="runtime")
class SpaceDeleted(EventData, frozen=True, kw_only=True):
    """Someone deleted a space in which there was no runtime any more."""

    space_id: str

"""Spaces: what runtimes live in. On CONTROL."""

from __future__ import annotations

from ._registry import EventData, event


@event("space.created", category="runtime")
class SpaceCreated(EventData, frozen=True, kw_only=True):
    """Someone made a space."""

    space_id: str
    name: str

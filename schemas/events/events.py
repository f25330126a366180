"""What the log says of itself."""

from __future__ import annotations

from typing import Literal

from ._registry import EventData, event


@event("events.suppressed", category="runtime")
class EventsSuppressed(EventData, frozen=True, kw_only=True):
    """A run went beyond its budget: so many events of one kind, a type, were counted and not recorded.

    They never had a number, so they leave no hole. `bytes` is what their bodies would have taken. `reason` is the bound
    that was met: `rate` (events a second), `total` (events of the run) or `bytes` (of the run). `encoded_bytes` is what
    the responses among them took on the wire.
    """

    kind: str
    count: int
    bytes: int
    reason: Literal["rate", "total", "bytes"]
    encoded_bytes: int = 0

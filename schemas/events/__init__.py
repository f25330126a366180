"""Every event there is: one file a subject, one struct a type, all of them in `EVENT_TYPES`."""

from __future__ import annotations

from . import (
    connection,
    console,
    dialog,
    download,
    events,
    navigation,
    network,
    page,
    profile,
    run,
    runtime,
    space,
)
from ._registry import (
    CATEGORIES,
    EVENT_TYPES,
    EventData,
    EventType,
    category_of,
    event,
    type_of,
)

__all__ = [
    "CATEGORIES",
    "EVENT_TYPES",
    "EventData",
    "EventType",
    "category_of",
    "connection",
    "console",
    "dialog",
    "download",
    "event",
    "events",
    "navigation",
    "network",
    "page",
    "profile",
    "run",
    "runtime",
    "space",
    "type_of",
]

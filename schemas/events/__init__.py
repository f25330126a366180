"""Every event there is: one file a subject, one struct a type, all of them in `EVENT_TYPES`."""

from __future__ import annotations

from . import (
    artifact,
    command,
    connection,
    console,
    dialog,
    download,
    events,
    file,
    llm,
    navigation,
    network,
    page,
    profile,
    run,
    runtime,
    space,
    tool,
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
    "artifact",
    "category_of",
    "command",
    "connection",
    "console",
    "dialog",
    "download",
    "event",
    "events",
    "file",
    "llm",
    "navigation",
    "network",
    "page",
    "profile",
    "run",
    "runtime",
    "space",
    "tool",
    "type_of",
]

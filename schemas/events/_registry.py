"""How an event type is declared: a struct, its type on the stream, its category, its version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType


class EventData(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The body of an event. `truncated` maps each field that was cut or repaired to its original bytes."""

    truncated: dict[str, int] | UnsetType = UNSET


class EventType(Struct, frozen=True):
    """What is known of a type: its body's struct, its category in the API, its body's version."""

    name: str
    struct: type[EventData]
    category: str
    version: int


EVENT_TYPES: dict[str, EventType] = {}
_TYPE_OF: dict[type[EventData], EventType] = {}

CATEGORIES = (
    "browser", "runtime", "connection", "network", "artifact", "tool", "lifecycle", "command",
    "console", "captcha",
)  # fmt: skip

S = TypeVar("S", bound=type[EventData])


def event(
    event_type: str, *, category: str, version: int = 1, listed: bool = True
) -> Callable[[S], S]:
    """Declare the decorated struct as the body of `event_type`; of one that is not listed, of many types."""

    def declare(struct: S) -> S:
        spec = _TYPE_OF[struct] = EventType(event_type, struct, category, version)
        if listed:
            EVENT_TYPES[event_type] = spec
        return struct

    return declare


def type_of(data: EventData) -> EventType:
    """The declaration of a body's struct."""
    return _TYPE_OF[type(data)]


def category_of(event_type: str) -> str:
    """The category of a type; an unknown one is named by its first word where that is a category."""
    spec = EVENT_TYPES.get(event_type)
    if spec is not None:
        return spec.category
    first = event_type.partition(".")[0]
    if first == "custom":  # an agent's own
        return "tool"
    return first if first in CATEGORIES else "runtime"

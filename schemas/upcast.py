"""Old bodies to new ones, one version at a time.

A released version is never edited; when an event's body changes, its `version` is raised and one step is added here.
A step is a function from the old body to the next, both as plain dicts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Step = Callable[[dict[str, Any]], dict[str, Any]]

# (event type, version it reads) → the body of the next version
STEPS: dict[tuple[str, int], Step] = {}


def upcast(event_type: str, version: int, wanted: int, raw: msgspec.Raw) -> msgspec.Raw | bytes:
    """The body at version `wanted`; the same bytes when it is there already."""
    if version >= wanted:
        return raw
    body: dict[str, Any] = msgspec.json.decode(raw)
    for step in range(version, wanted):
        body = STEPS[event_type, step](body)
    return msgspec.json.encode(body)

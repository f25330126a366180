"""Rows of activity as a story: those that are part of another stand below it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.resources import ActivityItem


class Placed(NamedTuple):
    """A row, and how many rows it is inside of. `again`: that it began was told before."""

    item: ActivityItem
    depth: int
    again: bool = False


def story(items: Sequence[ActivityItem]) -> Iterator[Placed]:
    """All rows, each after the one that it is a part of. One whose whole is not here stands by itself."""
    known = {item.id for item in items}
    parts: dict[str, list[ActivityItem]] = {}
    tops = []
    for item in items:
        parent = item.parent_id
        if isinstance(parent, str) and parent in known and parent != item.id:
            parts.setdefault(parent, []).append(item)
        else:
            tops.append(item)
    waiting = [Placed(item, 0) for item in reversed(tops)]
    while waiting:
        placed = waiting.pop()
        yield placed
        below = parts.pop(placed.item.id, [])
        waiting += [Placed(item, placed.depth + 1) for item in reversed(below)]

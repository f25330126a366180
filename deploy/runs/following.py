"""What to say of a run while it goes on. Pure.

A row is said when it is done; what takes long, or has parts that are done before it, is also said when it begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from deploy.runs.story import Placed
from schemas.resources import ActivityItem

SAID_AT_ONCE = ("runtime.client",)
SEVERITIES = ("info", "warning", "error")
# What is done may still get its title, or come again: so much later it is said as it is then.
SETTLED_SECONDS = 0.5


class _Done(NamedTuple):
    at: float
    placed: Placed


class Following:
    """Takes rows as they come, each again when it has changed; says which are to be written, and which are open.

    `now` is any clock of seconds that only goes on.
    """

    def __init__(self) -> None:
        self._open: dict[str, Placed] = {}
        self._done: dict[str, _Done] = {}
        self._said: dict[str, ActivityItem] = {}
        self._depths: dict[str, int] = {}

    def take(self, item: ActivityItem, now: float) -> Iterator[Placed]:
        """What to write at once, now that this is known."""
        placed = Placed(item, self._depth(item))
        if item.status == "started":
            self._open[item.id] = placed
            if item.type in SAID_AT_ONCE and item.id not in self._said:
                yield from self._say(placed)
            return
        self._open.pop(item.id, None)
        at = self._done[item.id].at if item.id in self._done else now
        self._done[item.id] = _Done(at, placed)

    def settled(self, now: float) -> Iterator[Placed]:
        """What was done long enough ago."""
        for id, done in list(self._done.items()):
            if done.at + SETTLED_SECONDS <= now and id in self._done:  # not said with its parts
                del self._done[id]
                yield from self._say(done.placed)

    def silent(self) -> list[Placed]:
        """What was not said yet: first what is done, then what is open."""
        done = [each.placed for each in self._done.values()]
        return done + [placed for id, placed in self._open.items() if id not in self._said]

    def _say(self, placed: Placed) -> Iterator[Placed]:
        """A row, where it says something new, and before it what it is a part of."""
        said = self._said.get(placed.item.id)
        if not _is_news(said, placed.item):
            return
        yield from reversed(list(self._wholes(placed.item)))
        self._said[placed.item.id] = placed.item
        yield placed._replace(again=said is not None)

    def _wholes(self, item: ActivityItem) -> Iterator[Placed]:
        """What the row is inside of, the innermost first, as far as it was not said; now it is."""
        while (parent := str(item.parent_id)) not in self._said:
            done = self._done.pop(parent, None)
            placed = done.placed if done else self._open.get(parent)
            if placed is None:
                return
            item = self._said[parent] = placed.item
            yield placed

    def _depth(self, item: ActivityItem) -> int:
        parent = item.parent_id
        depth = self._depths.get(parent, -1) + 1 if isinstance(parent, str) else 0
        return self._depths.setdefault(item.id, depth)


def _is_news(said: ActivityItem | None, now: ActivityItem) -> bool:
    """Whether a row says more than what was said of it: that it is done, or that it is worse."""
    if said is None or (said.status == "started" and said.message != now.message):
        return True
    return SEVERITIES.index(now.severity) > SEVERITIES.index(said.severity)

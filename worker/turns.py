"""Whose event goes next: each run with some waiting has its turn, so a flood delays the others by one event each.

Pure. Within a run the order is that in which events were added, always.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Generic, TypeVar

W = TypeVar("W")


class Turns(Generic[W]):
    """A lane for each run with something waiting, and the order in which they have their turns."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[W]] = {}
        self._queue: deque[str] = deque()

    def add(self, run: str, entry: W) -> None:
        """An event comes after all others of its run."""
        lane = self._lanes.get(run)
        if lane is None:
            lane = self._lanes[run] = deque()
            self._queue.append(run)
        lane.append(entry)

    def waiting(self, run: str) -> Sequence[W]:
        """What is in a run's lane, in its order."""
        return tuple(self._lanes.get(run, ()))

    def withdraw(self, run: str, entries: Collection[W]) -> None:
        """These need no turn any more."""
        gone = set(entries)
        lane = deque(entry for entry in self._lanes.get(run, ()) if entry not in gone)
        if lane:
            self._lanes[run] = lane
        elif self._lanes.pop(run, None):
            self._queue.remove(run)

    def next(self) -> W | None:
        """Give out the next; None when all were given out."""
        if not self._queue:
            return None
        run = self._queue.popleft()
        lane = self._lanes[run]
        entry = lane.popleft()
        if lane:
            self._queue.append(run)
        else:
            del self._lanes[run]
        return entry

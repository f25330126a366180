"""Whose event goes next: each run with some waiting has its turn, so a flood delays the others by one event each.

Pure. Within a run the order is that in which events were added, always; `restart` begins again with every run's oldest.
One at a time means: a run's next comes only after its last got its position, so nothing can overtake it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from msgspec import Struct, field


class Waiting(Protocol):
    """Something that waits in a lane until it has a position."""

    position: int | None


W = TypeVar("W", bound=Waiting)


class Lane(Struct, Generic[W], eq=False):
    """What waits of one run, oldest first; the first `sent` of it were given out. `queued`: it has a turn."""

    entries: deque[W] = field(default_factory=deque)
    sent: int = 0
    queued: bool = False


class Turns(Generic[W]):
    """The lanes of all runs, and the order in which they have their turns."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane[W]] = {}
        self._queue: deque[Lane[W]] = deque()
        self._one_at_a_time = False

    def __iter__(self) -> Iterator[W]:
        """All that is in the lanes, run by run."""
        return (entry for lane in self._lanes.values() for entry in lane.entries)

    def add(self, run: str, entry: W) -> None:
        """An event comes after all others of its run."""
        lane = self._lanes.get(run)
        if lane is None:
            lane = self._lanes[run] = Lane()
        lane.entries.append(entry)
        self._give_turn(lane)

    def next(self) -> W | None:
        """The next to be sent; None when all that wait were given out."""
        while self._queue:
            lane = self._queue.popleft()
            lane.queued = False
            entry = _next_of(lane)
            self._give_turn(lane)
            if entry is not None:
                return entry
        return None

    def settle(self, run: str) -> None:
        """An event of this run got its position."""
        lane = self._lanes[run]
        while lane.entries and lane.entries[0].position is not None:
            lane.entries.popleft()
            lane.sent = max(0, lane.sent - 1)
        if lane.entries:
            self._give_turn(lane)
        else:
            del self._lanes[run]

    def restart(self, *, one_at_a_time: bool = False) -> None:
        """Nothing counts as sent any more."""
        self._one_at_a_time = one_at_a_time
        for lane in self._lanes.values():
            lane.sent = 0
            self._give_turn(lane)

    def many_at_a_time(self) -> None:
        """No run need wait for its last any more."""
        self._one_at_a_time = False
        for lane in self._lanes.values():
            self._give_turn(lane)

    def _give_turn(self, lane: Lane[W]) -> None:
        """A turn for a lane that has none and something to send."""
        is_held = lane.queued or (self._one_at_a_time and lane.sent)
        if not is_held and lane.sent < len(lane.entries):
            lane.queued = True
            self._queue.append(lane)


def _next_of(lane: Lane[W]) -> W | None:
    """The oldest of a lane that was not given out and has no position; what has one keeps it."""
    while lane.sent < len(lane.entries):
        entry = lane.entries[lane.sent]
        lane.sent += 1
        if entry.position is None:
            return entry
    return None

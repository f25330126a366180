"""Starts that wait for a place: fair by space, and within a space in the order in which they came.

`Line` decides whose turn it is; `Queue` wakes them. A turn is one try: who finds no place stays where it stands, and
the next one tries, for a place that does not suit the first (by its labels) may suit another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count, zip_longest

from recorder import cancelling


class Line:
    """Who waits, by ticket. Pure."""

    def __init__(self) -> None:
        self._spaces: dict[str, deque[int]] = {}  # whose turn it is first stands first
        self._numbers = count(1)

    def join(self, space_id: str) -> int:
        """A ticket at the end of its space's row; a space that had none comes last."""
        ticket = next(self._numbers)
        self._spaces.setdefault(space_id, deque()).append(ticket)
        return ticket

    def leave(self, space_id: str, ticket: int) -> None:
        """Give a ticket up."""
        row = self._spaces[space_id]
        row.remove(ticket)
        if not row:
            del self._spaces[space_id]

    def served(self, space_id: str) -> None:
        """A space got a place: the others come first now."""
        if row := self._spaces.pop(space_id, None):
            self._spaces[space_id] = row

    def refused(self, space_id: str) -> None:
        """It was none after all: this space comes first again."""
        if row := self._spaces.pop(space_id, None):
            self._spaces = {space_id: row, **self._spaces}

    def order(self) -> list[int]:
        """Every ticket: the first of each space, then the second of each, …"""
        rounds = zip_longest(*self._spaces.values())
        return [ticket for tickets in rounds for ticket in tickets if ticket is not None]


class NoTurn:
    """One who does not wait: every turn is its own."""

    def placed(self) -> bool:
        """Always."""
        return True

    def joins(self) -> None:
        """Nobody waits behind it."""


class Turn(NoTurn):
    """One who waits. It has its turn from the end of `wait` until it says `placed` or `over`, or is gone."""

    def __init__(self, queue: Queue, space_id: str) -> None:
        self._queue = queue
        self.space_id = space_id
        self.bell = asyncio.Event()
        self.waiting = True
        self.missed = False
        self.served = False
        self.superseded = False

    async def wait(self, seconds: float, gone: Callable[[], Awaitable[None]]) -> bool:
        """Wait for one's turn; False when that takes longer, or who asked for it is gone."""
        ways = [asyncio.create_task(_until(each)) for each in (self.bell.wait, gone)]
        try:
            await asyncio.wait(ways, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return self.bell.is_set() and not ways[1].done()
        finally:
            await cancelling.end(ways)

    def placed(self) -> bool:
        """A place was found, and takes its time: the others' turn. False: it came up during this turn, and whoever
        stands first is asked first.
        """
        if self.superseded:
            return False
        self.served = True
        self._queue.served(self)
        return True

    def joins(self) -> None:
        """It waits for a start that is under way already, which takes no place of anybody: the others' turn."""
        self._queue.pass_on(self)

    def over(self) -> None:
        """Nothing came of it: the next one's turn."""
        self.bell.clear()
        self.waiting = True
        self._queue.over(self)


async def _until(wait: Callable[[], Awaitable[object]]) -> None:
    await wait()


class Queue:
    """All that wait at one recorder. In a round everyone has a turn; what changes meanwhile makes another round."""

    def __init__(self) -> None:
        self._line = Line()
        self._turns: dict[int, Turn] = {}
        self._round: deque[int] = deque()
        self._holder: Turn | None = None
        self._again = False

    def __len__(self) -> int:
        return len(self._turns)

    @contextmanager
    def joined(self, space_id: str) -> Iterator[Turn]:
        """Stand in line for the length of the block."""
        ticket = self._line.join(space_id)
        turn = self._turns[ticket] = Turn(self, space_id)
        try:
            yield turn
        finally:
            del self._turns[ticket]
            self._line.leave(space_id, ticket)
            self.pass_on(turn)

    def changed(self, *, more_room: bool = False) -> None:
        """There may be a place. Where there surely is one more, a round that is under way begins anew: else whoever
        comes next in it would have it. Every other change waits for its end, so that it gets there.
        """
        self._again = True
        if more_room:
            self._round.clear()
            if self._holder is not None:
                self._holder.superseded = True
        if self._holder is None:
            self._next()

    def served(self, turn: Turn) -> None:
        """A space got a place: who comes next is another question now."""
        self._line.served(turn.space_id)
        self._again = True
        self.pass_on(turn)

    def over(self, turn: Turn) -> None:
        """It waits again, and tries again if there was a round in the meantime."""
        if turn.served:
            self._line.refused(turn.space_id)
        self._again = self._again or turn.missed
        turn.missed = turn.served = False
        self.pass_on(turn)

    def pass_on(self, turn: Turn) -> None:
        """The next one's turn, if it was this one's."""
        if self._holder in (turn, None):
            self._next()

    def _next(self) -> None:
        self._holder = None
        while self._round or self._again:
            if not self._round:
                self._again = False
                self._round = deque(self._line.order())
            elif self._offer(self._turns.get(self._round.popleft())):
                return

    def _offer(self, turn: Turn | None) -> bool:
        """Whether it takes its turn. One that is trying already has missed it."""
        if turn is None:
            return False
        if not turn.waiting:
            turn.missed = True
            return False
        self._holder, turn.waiting, turn.superseded = turn, False, False
        turn.bell.set()
        return True

"""A client's calls behind one that waits for a page: in their order, for a bounded time and size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from worker.gateway.policy import Call

MOST_BYTES = 1024 * 1024  # of messages; a client that sends more meanwhile waits no longer

GiveUp = Callable[[], None]
# Asks about a call, and calls back once when it may go, unless it may go now: then it gives nothing.
# Otherwise it gives what ends the wait at once. Without a call back it asks nothing.
Ask = Callable[[Call, Callable[[], None] | None], GiveUp | None]


class Held:
    """One client's. What is not held is carried out at once."""

    def __init__(self, ask: Ask, carry_out: Callable[[Call], None]) -> None:
        self._ask = ask
        self._carry_out = carry_out
        self._calls: deque[tuple[Call, int]] = deque()
        self._bytes = 0
        self._give_up: GiveUp | None = None
        self._releasing = False

    def take(self, call: Call, size_bytes: int) -> None:
        """The client makes a call, in a message of that size."""
        self._calls.append((call, size_bytes))
        self._bytes += size_bytes
        if len(self._calls) == 1:
            self._go_through()
        elif self._bytes > MOST_BYTES:
            self.release()

    def release(self) -> None:
        """All goes now; nothing more is asked about it."""
        self._releasing = True
        if self._give_up is not None:
            self._give_up()
        self._releasing = False

    def _go_through(self) -> None:
        """Each call goes, until one has to wait."""
        while self._calls:
            self._give_up = self._ask(self._calls[0][0], None if self._releasing else self._go_on)
            if self._give_up is not None:
                return
            self._let_go()

    def _go_on(self) -> None:
        """The first has waited long enough."""
        self._give_up = None
        self._let_go()
        self._go_through()

    def _let_go(self) -> None:
        call, size_bytes = self._calls[0]
        try:
            self._carry_out(call)
        finally:
            self._calls.popleft()
            self._bytes -= size_bytes

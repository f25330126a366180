"""Something happens before the n-th statement of a connection that writes."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any


class Counter:
    """Counts the statements that SQLite is about to run, and calls `act` before the n-th, from 1 on."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        self.seen = 0
        self._number = number
        self._act = act

    def see(self, _statement: str) -> None:
        """SQLite is about to run one."""
        self.seen += 1
        if self.seen == self._number:
            self._act()


def die_at(number: int) -> None:
    """Before that statement of a connection that may write, counted from its opening, this process dies."""
    connect = sqlite3.connect

    def connected(*given: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **named)
        if not named.get("uri"):  # readers name theirs by a URI
            connection.set_trace_callback(Counter(number, die).see)
        return connection

    sqlite3.connect = connected  # type: ignore[assignment]


def die() -> None:
    """At once, as by SIGKILL from outside."""
    os.kill(os.getpid(), signal.SIGKILL)

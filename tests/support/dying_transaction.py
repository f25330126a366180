"""Transactions that die before one of their statements, as the process could."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from recorder.store import Transaction


class Died(BaseException):
    """Nothing that any code of ours would catch."""


class Dying:
    """Lets every transaction run, until it is told before which of the next statements one dies."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._left: int | None = None
        begin = Transaction.__init__

        def begin_watched(transaction: Transaction, connection: sqlite3.Connection) -> None:
            begin(transaction, _Watched(connection, self))  # type: ignore[arg-type]

        monkeypatch.setattr(Transaction, "__init__", begin_watched)

    def at(self, statement: int | None) -> None:
        """Die before this one, counted from 0; None: live."""
        self._left = statement

    def see(self) -> None:
        """A statement is about to run."""
        if self._left is None:
            return
        if self._left == 0:
            self._left = None
            raise Died
        self._left -= 1


class _Watched:
    def __init__(self, connection: sqlite3.Connection, dying: Dying) -> None:
        self._connection = connection
        self._dying = dying

    def execute(self, *given: Any) -> Any:
        self._dying.see()
        return self._connection.execute(*given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

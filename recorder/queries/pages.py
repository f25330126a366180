"""What every list shares: a WHERE clause made of conditions, and one row more than asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec import Struct, field

from schemas.resources import Page

T = TypeVar("T")


class Conditions(Struct):
    """Conditions of a WHERE clause, with their values in the same order."""

    texts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, text: str, *values: object) -> None:
        """One more condition that rows must meet."""
        self.texts.append(text)
        self.values.extend(values)

    def one_of(self, column: str, wanted: Sequence[object]) -> None:
        """The column has one of these values; no values: any."""
        if wanted:
            self.add(f"{column} IN ({marks(wanted)})", *wanted)

    @property
    def where(self) -> str:
        """The clause, empty without conditions."""
        return f"WHERE {' AND '.join(self.texts)}" if self.texts else ""


def marks(values: Sequence[object]) -> str:
    """A question mark for each value, for an IN."""
    return ",".join("?" * len(values))


def page(
    rows: Sequence[sqlite3.Row],
    limit: int,
    resource: Callable[[sqlite3.Row], T],
    cursor: Callable[[sqlite3.Row], str],
) -> Page[T]:
    """A page of at most `limit`, from rows of which one more was asked for."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        data=[resource(row) for row in shown], next_cursor=cursor(shown[-1]) if more else None
    )

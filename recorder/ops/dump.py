"""The tables in a canonical form, row by row along their keys, and where two databases differ.

This is the one place that knows which tables count: the log, the quarantine, and all that projections make.
Not counted is where a log row lies in its file (`log.id`), and what is only true of one file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import zip_longest
from operator import itemgetter
from typing import Any

from msgspec import Struct

from recorder.projections.projection import Projection

Row = Sequence[Any]
Ask = Callable[[str], Iterable[Row]]  # runs a query on one database

LOG_KEY = ("stream", "epoch", "position")
FIXED = ("log", "quarantine")
MOST_TEXT = 300


class Table(Struct, frozen=True, kw_only=True):
    """`stream` is the one that feeds it, None: rows of every stream. `owner` names the column with the run
    or resource that a row belongs to.
    """

    name: str
    stream: str | None
    columns: tuple[str, ...]
    key: tuple[str, ...]
    owner: str

    @property
    def sql(self) -> str:
        """All rows in the order of the key."""
        columns, key = ", ".join(self.columns), ", ".join(self.key)
        return f"SELECT {columns} FROM {self.name} ORDER BY {key}"

    def place(self, column: str) -> int:
        """Where a column stands in a row."""
        return self.columns.index(column)


class Difference(Struct, frozen=True, kw_only=True):
    """The first one of a table. `column` is None where one side has no such row at all.

    `live` and `replayed` are the two values as text, None where there is no row.
    """

    table: str
    key: dict[str, Any]
    column: str | None
    live: str | None
    replayed: str | None


def tables(ask: Ask, projections: Sequence[Projection]) -> list[Table]:
    """The tables that count, as a database has them."""
    made = [(name, each.stream) for each in projections for name in each.tables]
    there = {name for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'")}
    named = [(name, None) for name in FIXED if name in there] + made
    return [_table(ask, name, stream) for name, stream in named]


def lines(ask: Ask, projections: Sequence[Projection]) -> Iterator[str]:
    """Every row of every table that counts, one line of JSON each."""
    for table in tables(ask, projections):
        for row in ask(table.sql):
            yield json.dumps([table.name, *row], default=as_text, ensure_ascii=False)


class Comparison:
    """Goes through two databases side by side. `rows` counts what was compared, `left_out` holds the owners
    that are passed over, by stream.
    """

    def __init__(
        self,
        live: Ask,
        replayed: Ask,
        left_out: Mapping[str, Set[str]],
        step: Callable[[int], None],
    ) -> None:
        self._live = live
        self._replayed = replayed
        self._left_out = left_out
        self._step = step
        self.rows = 0

    def first_difference(self, table: Table) -> Difference | None:
        """Where the two differ first, along the key; None where they are equal."""
        pairs = zip_longest(self._rows(self._live, table), self._rows(self._replayed, table))
        for live, replayed in pairs:
            if live != replayed:
                return _difference(table, live, replayed)
            self.rows += 1
            if self.rows % 1000 == 0:
                self._step(self.rows)
        return None

    def _rows(self, ask: Ask, table: Table) -> Iterator[Row]:
        if not any(self._left_out.values()):
            return iter(ask(table.sql))
        return self._kept(ask, table)

    def _kept(self, ask: Ask, table: Table) -> Iterator[Row]:
        owner = table.place(table.owner)
        stream = None if table.stream else table.place("stream")
        left_out = self._left_out.get(table.stream or "", frozenset())
        for row in ask(table.sql):
            if stream is not None:
                left_out = self._left_out.get(row[stream], frozenset())
            if row[owner] not in left_out:
                yield row


def as_text(value: Any) -> str | None:
    """A value of SQLite as people read it; long ones are cut."""
    if isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    text = "NULL" if value is None else str(value)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}… ({len(text)} characters)"


def _table(ask: Ask, name: str, stream: str | None) -> Table:
    found = [(row[1], row[5]) for row in ask(f"PRAGMA table_info({name})")]
    columns = tuple(column for column, _ in found if (name, column) != ("log", "id"))
    key = tuple(column for column, _ in sorted((row for row in found if row[1]), key=itemgetter(1)))
    owners = [column for column in ("owner", "run_id") if column in columns]
    return Table(
        name=name,
        stream=stream,
        columns=columns,
        key=LOG_KEY if name == "log" else key,
        owner=owners[0] if owners else key[0],
    )


def _difference(table: Table, live: Row | None, replayed: Row | None) -> Difference:
    """Of the two rows that stand at one place of the order, what is said of the first of them."""
    places = [table.place(column) for column in table.key]
    at = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
    if live is None or (replayed is not None and at(replayed) < at(live)):
        assert replayed is not None
        return _missing(table, at(replayed), live=False)
    if replayed is None or at(live) < at(replayed):
        return _missing(table, at(live), live=True)
    column = next(i for i, value in enumerate(live) if value != replayed[i])
    return Difference(
        table=table.name,
        key=_named(table, at(live)),
        column=table.columns[column],
        live=as_text(live[column]),
        replayed=as_text(replayed[column]),
    )


def _missing(table: Table, key: Sequence[Any], *, live: bool) -> Difference:
    """One side has a row that the other has not."""
    return Difference(
        table=table.name,
        key=_named(table, key),
        column=None,
        live="a row" if live else None,
        replayed=None if live else "a row",
    )


def _named(table: Table, key: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(table.key, key, strict=True))

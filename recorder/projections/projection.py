"""What a projection is: tables, a version, and a pure function from entries to changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from recorder.entries import Entry


class Statement(NamedTuple):
    """One change of a projection's own tables. Named parameters; run in stream order."""

    sql: str
    values: Mapping[str, Any]


class Rows(NamedTuple):
    """Rows for one statement, as many at a time as there are: `before`, then `row` for each of them, with
    commas between, then `after`.

    Such rows do not see each other: what the statement reads is the table as it was before some of them.
    """

    before: str
    row: str
    after: str
    rows: Sequence[Sequence[Any]]


class Step(NamedTuple):
    """Changes that depend on what the projection's own tables hold by then: rows are read, and `then` says from them
    what follows. `then` is pure.
    """

    sql: str
    values: Mapping[str, Any]
    then: Callable[[Sequence[Sequence[Any]]], Iterable[Change]]


Change = Statement | Rows | Step


class Projection(Struct, frozen=True, kw_only=True):
    """Tables fed by one stream.

    Raise `version` with any change of `ddl` or `project`: the tables are then dropped and rebuilt
    from the log at the next start. `project` sees each event once, in stream order, some at a time; it
    may fold those. What depends on earlier events it leaves to SQL over its own tables, or to a `Step` that
    reads them, so that batches may be cut anywhere.
    """

    name: str
    version: int
    stream: str
    tables: tuple[str, ...]
    ddl: tuple[str, ...]
    project: Callable[[Sequence[Entry]], Iterable[Change]]

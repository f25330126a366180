"""The index file: at which places of RUNS an event has which words.

What it says is a guess: whoever asks reads the event and looks itself, so that what has left, waits, or stands
elsewhere now is never shown. So nothing is ever taken out of it but whole parts, each of so many positions, once all of
their events have left the log; and it holds no texts, only words (FTS5 without content).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

from recorder.projections.projection import Rows
from recorder.search.documents import MARK, Expression, document
from recorder.store import Beside, Query, Transaction, open_beside

Place = tuple[int, int]
Parked = Mapping[str, Place]
Order = Literal["asc", "desc"]

FORMAT = 2  # raise it with whatever is written otherwise, also by `words` or `texts`
SPAN = 65_536  # positions of a part
READERS = 2
MOST_PARTS = 16  # asked at once
PATIENCE_SECONDS = 0.25
BEGINNING: Place = (0, 0)
NOTHING = f'"{MARK}"'  # for FTS5

_DDL = (
    """
CREATE TABLE about (
  format   INTEGER NOT NULL,
  database TEXT NOT NULL,
  epoch    INTEGER NOT NULL,
  position INTEGER NOT NULL,
  last_epoch    INTEGER NOT NULL,
  last_position INTEGER NOT NULL,
  last_id       TEXT
)
""",
    """
CREATE TABLE parked (
  owner    TEXT NOT NULL PRIMARY KEY,
  epoch    INTEGER NOT NULL,
  position INTEGER NOT NULL
) WITHOUT ROWID
""",
    """
CREATE TABLE parts (
  epoch INTEGER NOT NULL,
  first INTEGER NOT NULL,
  since TEXT NOT NULL,
  until TEXT NOT NULL,
  PRIMARY KEY (epoch, first)
) WITHOUT ROWID
""",
)
_ABOUT = "SELECT * FROM about"
_ADVANCE = "UPDATE about SET epoch = ?, position = ?"
_LAST = "UPDATE about SET last_epoch = ?, last_position = ?, last_id = ?"
_ADD_PART = """
INSERT INTO parts (epoch, first, since, until) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET since = min(since, excluded.since), until = max(until, excluded.until)
"""


class Stored(NamedTuple):
    """An event as the log has it."""

    epoch: int
    position: int
    event_id: str | None
    raw: bytes


class Times(NamedTuple):
    """When the first and the last of some events happened, RFC 3339."""

    since: str
    until: str


class Within(Struct, frozen=True, kw_only=True):
    """Where to look, and for how many: after a place in that order, and only in parts that have a place within the
    bounds, both included, and events of that time.
    """

    after: Place | None
    order: Order
    most: int
    bounds: tuple[Place, Place] | None = None
    since: str | None = None
    until: str | None = None


class Found(Struct, frozen=True):
    """Places in order. `end` is where to go on; None: there is nothing more."""

    places: list[Place]
    end: Place | None


class Unusable(Exception):
    """An index that cannot be gone on with: it is to be made anew."""


class NoTextSearch(Exception):
    """SQLite was built without FTS5, which is what searches texts."""

    def __str__(self) -> str:
        return "this SQLite has no FTS5"


class Index:
    """The open file. Up to `reached`, it has all events of RUNS but those of runs that were `parked` then, each from
    its place on; `last` is the last of them that it has.
    """

    def __init__(self, file: Beside, database: str) -> None:
        self._file = file
        self.database = database
        self.reached = BEGINNING
        self.last = Stored(*BEGINNING, None, b"")
        self.parked: Parked = {}
        self._parts: dict[Place, Times] = {}

    @property
    def is_there(self) -> bool:
        """Whether nobody removed the file."""
        return self._file.is_there

    @property
    def parts(self) -> Sequence[Place]:
        """Epoch and first position of each part."""
        return tuple(self._parts)

    async def load(self) -> None:
        """Take over what the file says of itself. Raises Unusable if it is not ours."""
        queries: Sequence[Query] = (
            (_ABOUT, ()),
            ("SELECT * FROM parked", ()),
            ("SELECT * FROM parts", ()),
        )
        [[about], parked, parts] = await self._file.rows(*queries)
        if (about["format"], about["database"]) != (FORMAT, self.database):
            raise Unusable("it is of another version or another database")
        self.reached = (about["epoch"], about["position"])
        self.last = Stored(about["last_epoch"], about["last_position"], about["last_id"], b"")
        self.parked = {owner: (epoch, position) for owner, epoch, position in parked}
        self._parts = {(row[0], row[1]): Times(row[2], row[3]) for row in parts}

    async def add(self, rows: Sequence[Stored], reached: Place) -> None:
        """Index events, and note that all up to `reached` are there now."""
        self._learn(await self._file.write(partial(_add, rows=rows, reached=reached)))
        self.reached = reached
        if rows:
            self.last = rows[-1]

    async def add_late(self, rows: Sequence[Stored]) -> None:
        """Index events that stand before what is there already."""
        self._learn(await self._file.write(partial(_add_words, rows=rows)))

    async def note_parked(self, parked: Parked) -> None:
        """Whose events are not there, from which place on."""
        await self._file.write(partial(_note_parked, parked=parked))
        self.parked = dict(parked)

    async def drop(self, part: Place) -> None:
        """Remove a part."""
        del self._parts[part]
        await self._file.write(partial(_drop, part=part))

    async def find(self, expression: Expression, within: Within) -> Found:
        """Where it may be. After a quarter of a second it says what it has found so far, and where to go on."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        left, at_once = self._parts_within(within), 1
        places: list[Place] = []
        while left:
            some, left = left[:at_once], left[at_once:]
            queries = [_query(part, expression, within, within.most - len(places)) for part in some]
            for part, rows in zip(some, await self._file.rows(*queries), strict=True):
                places += [(part[0], row[0]) for row in rows]
            if len(places) >= within.most:
                return Found(places[: within.most], places[within.most - 1])
            if left and time.monotonic() > deadline:
                return Found(places, _end_of(some[-1], within.order))
            at_once = min(2 * at_once, MOST_PARTS)
        return Found(places, None)

    def _parts_within(self, within: Within) -> list[Place]:
        return sorted(
            (part for part, times in self._parts.items() if _may_hold(part, times, within)),
            reverse=within.order == "desc",
        )

    def _learn(self, parts: Mapping[Place, Times]) -> None:
        for part, times in parts.items():
            self._parts[part] = _wider(self._parts.get(part), times)


@asynccontextmanager
async def open_index(file: Path, database: str) -> AsyncIterator[Index]:
    """The index of the database with that identity, empty where there is none.

    Raises Unusable, NoTextSearch, and `sqlite3.Error` for what is no database, or on a disk that is full.
    """
    async with open_beside(file, READERS) as beside:
        await beside.write(partial(_make, database=database))
        index = Index(beside, database)
        await index.load()
        yield index


def _make(transaction: Transaction, database: str) -> None:
    if transaction.rows("SELECT 1 FROM sqlite_master WHERE name = 'about'"):
        return
    if not transaction.rows("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"):
        raise NoTextSearch
    for statement in _DDL:
        transaction.execute(statement)
    transaction.execute("INSERT INTO about VALUES (?, ?, 0, 0, 0, 0, NULL)", (FORMAT, database))


def _add(transaction: Transaction, rows: Sequence[Stored], reached: Place) -> Mapping[Place, Times]:
    parts = _add_words(transaction, rows)
    transaction.execute(_ADVANCE, reached)
    if rows:
        transaction.execute(_LAST, rows[-1][:3])
    return parts


def _add_words(transaction: Transaction, rows: Iterable[Stored]) -> Mapping[Place, Times]:
    """The parts that were written to, and when their new events happened."""
    words: defaultdict[Place, list[tuple[int, str]]] = defaultdict(list)
    times: dict[Place, Times] = {}
    for row in rows:
        if (found := document(row.raw)) is not None:
            part = _part_of(row)
            words[part].append((row.position, found.words))
            times[part] = _wider(times.get(part), Times(found.time, found.time))
    for part, added in words.items():
        _make_part(transaction, part)
        transaction.execute(_ADD_PART, (*part, *times[part]))
        name = _name(part)
        transaction.run([Rows(f"INSERT INTO {name} (rowid, words) VALUES ", "(?, ?)", "", added)])
    return times


def _note_parked(transaction: Transaction, parked: Parked) -> None:
    transaction.execute("DELETE FROM parked")
    for owner, place in parked.items():
        transaction.execute("INSERT INTO parked VALUES (?, ?, ?)", (owner, *place))


def _drop(transaction: Transaction, part: Place) -> None:
    transaction.execute(f"DROP TABLE IF EXISTS {_name(part)}")
    transaction.execute("DELETE FROM parts WHERE epoch = ? AND first = ?", part)


def _query(part: Place, expression: Expression, within: Within, most: int) -> Query:
    name, asked, beyond = _name(part), "?", ""
    values: list[object] = [expression.whole, most]
    if within.after is not None and within.after[0] == part[0]:
        beyond = f"AND rowid {'>' if within.order == 'asc' else '<'} ?"
        values.insert(1, within.after[1])
    if expression.narrow != expression.whole:
        # In what is matched, and not beside it: that would be looked at after all was gathered.
        asked = f"iif(EXISTS (SELECT 1 FROM {name} WHERE {name} MATCH ?), ?, '{NOTHING}')"
        values.insert(0, expression.narrow)
    sql = (
        f"SELECT rowid FROM {name} WHERE {name} MATCH {asked} {beyond}"
        f" ORDER BY rowid {within.order} LIMIT ?"
    )
    return sql, values


def _may_hold(part: Place, times: Times, within: Within) -> bool:
    end = (part[0], last_of(part))
    if within.bounds is not None and (end < within.bounds[0] or part > within.bounds[1]):
        return False
    if within.since is not None and times.until < within.since:
        return False
    if within.until is not None and times.since > within.until:
        return False
    if within.after is None:
        return True
    return end > within.after if within.order == "asc" else part < within.after


def _end_of(part: Place, order: Order) -> Place:
    return (part[0], last_of(part)) if order == "asc" else part


def _part_of(row: Stored) -> Place:
    return row.epoch, row.position // SPAN * SPAN


def last_of(part: Place) -> int:
    """The last position of a part."""
    return part[1] + SPAN - 1


def _name(part: Place) -> str:
    return f"words_{part[0]}_{part[1]}"


def _make_part(transaction: Transaction, part: Place) -> None:
    """If it is not there. Merging pieces only once there are 16 of a size saves a third of the writing."""
    name, options = _name(part), "content = '', columnsize = 0, tokenize = 'ascii'"
    if transaction.rows("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)):
        return
    transaction.execute(f"CREATE VIRTUAL TABLE {name} USING fts5 (words, {options})")
    transaction.execute(f"INSERT INTO {name} ({name}, rank) VALUES ('automerge', 0)")


def _wider(one: Times | None, other: Times) -> Times:
    if one is None:
        return other
    return Times(min(one.since, other.since), max(one.until, other.until))

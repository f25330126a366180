"""Databases of many events: some thousand real ones, put there by the projector, then copied in SQL under other ids.

A copy's ids begin with its number, and its positions follow those of the copy before it; nothing else differs.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from recorder.entries import Message
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.projector import Projector
from recorder.store import open_store
from schemas import subjects
from tests.bench import firehose

EPOCH = 1
BATCH = 1000
PREFIX_DIGITS = 8  # of a UUID
IDS = {"id", "run_id", "event_id", "parent_id"}


class BigLog(Struct, frozen=True):
    """A database, and the runs of its first copy, which have all the same length or nearly."""

    file: Path
    events: int
    first_runs: Sequence[str]
    copies: int

    def run(self, number: int) -> str:
        """The n-th of all its runs, from the first again after the last."""
        copy, place = divmod(number % (self.copies * len(self.first_runs)), len(self.first_runs))
        run_id = self.first_runs[place]
        return _prefix(copy) + run_id[PREFIX_DIGITS:] if copy else run_id

    def middle(self, number: int) -> int:
        """A position about in the middle of that run: the runs of a copy are mixed with each other."""
        first_events = self.events // self.copies
        copy = number % (self.copies * len(self.first_runs)) // len(self.first_runs)
        return copy * first_events + first_events // 2


async def project(outbox: Path, file: Path) -> BigLog:
    """A database of the events in an outbox."""
    messages = [
        Message(
            stream=subjects.RUNS,
            epoch=EPOCH,
            position=position,
            subject=message.subject,
            body=message.body,
            message_id=message.event_id,
        )
        for position, message in enumerate(firehose.read(outbox), start=1)
    ]
    async with open_store(file, PROJECTIONS) as store:
        projector = Projector(store, News(), PROJECTIONS)
        for begin in range(0, len(messages), BATCH):
            await projector.apply(messages[begin : begin + BATCH])
        runs = [str(row["id"]) for row in await store.rows("SELECT id FROM runs")]
    return BigLog(file, len(messages), runs, 1)


def multiply(log: BigLog, file: Path, copies: int, progress: Callable[[int], None]) -> BigLog:
    """A database with everything of `log` so many times; `progress` hears how many events there are."""
    shutil.copy(log.file, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
            connection.execute(f"PRAGMA {pragma}")
        # A recorder that starts on this file finds a stream that is new to it, with nothing to read.
        connection.execute("DELETE FROM checkpoints")
        statements = [_copying(connection, table) for table in _tables()]
        for copy in range(1, copies):
            connection.execute("BEGIN")
            for statement in statements:
                connection.execute(statement, {"shift": copy * log.events, "prefix": _prefix(copy)})
            connection.execute("COMMIT")
            progress((copy + 1) * log.events)
    return BigLog(file, log.events * copies, log.first_runs, copies)


def _tables() -> Iterator[str]:
    """The log, and all that is projected from RUNS."""
    yield "log"
    for projection in PROJECTIONS:
        if projection.stream == subjects.RUNS:
            yield from projection.tables


def _copying(connection: sqlite3.Connection, table: str) -> str:
    """A statement that adds what the table holds now once more, as another copy."""
    connection.execute(f"CREATE TEMP TABLE first_{table} AS SELECT * FROM {table}")
    columns = [
        name
        for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")
        if (name, kind) != ("id", "INTEGER")  # SQLite's own number of the row
    ]
    values = ", ".join(_value(name) for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM first_{table}"


def _value(column: str) -> str:
    if column in IDS:
        return f":prefix || substr({column}, {PREFIX_DIGITS + 1})"
    return f"{column} + :shift" if column.endswith("position") else column


def _prefix(copy: int) -> str:
    return f"{copy:0{PREFIX_DIGITS}x}"

"""A database beside the live one, filled as a recorder fills its own, but with no care for a power cut.

Plain SQLite, no event loop: it is used in a process or a thread of its own. Whoever is killed while filling
one leaves a file that nobody needs; `alone` clears it away.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from recorder.checkpoint import Checkpoint
from recorder.entries import Message, read
from recorder.holders import hold
from recorder.projections.projection import Projection
from recorder.projector import project
from recorder.store import Transaction, go_on
from recorder.store.healing import fingerprint
from recorder.store.migrations import MIGRATIONS
from schemas.problems import CannotStart

SUFFIX = ".scratch"
PRAGMAS = (
    "journal_mode = MEMORY",  # a batch that fails is rolled back all the same
    "synchronous = OFF",
    "locking_mode = EXCLUSIVE",
    "cache_size = -262144",
    "temp_store = MEMORY",
    "mmap_size = 0",
)


class Scratch:
    """One such file, open for writing."""

    def __init__(self, connection: sqlite3.Connection, projections: Sequence[Projection]) -> None:
        self._connection = connection
        self._projections = projections

    def apply(self, messages: Sequence[Message]) -> None:
        """Project messages of one stream that are newer than its checkpoint, in one transaction."""
        entries = [read(message) for message in messages]
        with self.transaction() as transaction:
            project(transaction, hold(entries), self._projections)

    def go_on(self, stream: str, owner: str) -> None:
        """Project all that waits for an owner, up to what parks it again."""
        more = True
        while more:
            with self.transaction() as transaction:
                more = go_on(transaction, self._projections, stream, owner).more

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Committed at the end of the block, unless that raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield Transaction(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:  # no transaction may stay open
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def checkpoint(self, stream: str) -> Checkpoint | None:
        """How far a stream is in this file."""
        return checkpoints_of(self._connection).get(stream)


@contextmanager
def make_scratch(file: Path, projections: Sequence[Projection]) -> Iterator[Scratch]:
    """A new one, with every table and nothing in them."""
    with opened(file) as connection:
        connection.execute("BEGIN")
        for statement in _ddl(projections):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.executemany(
            "INSERT INTO projections (name, version) VALUES (?, ?)",
            [(each.name, each.version) for each in projections],
        )
        connection.execute("INSERT INTO program VALUES (?)", (fingerprint(projections),))
        connection.execute("COMMIT")
        yield Scratch(connection, projections)


@contextmanager
def open_scratch(file: Path, projections: Sequence[Projection]) -> Iterator[Scratch]:
    """One that is there, to go on with it."""
    with opened(file) as connection:
        yield Scratch(connection, projections)


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, of a database that others may be writing. For any thread, one at a time."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    with closing(
        sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    ) as found:
        for pragma in ("query_only = ON", "mmap_size = 0", "busy_timeout = 5000"):
            found.execute(f"PRAGMA {pragma}")
        yield found


def checkpoints_of(connection: sqlite3.Connection) -> dict[str, Checkpoint]:
    """How far each stream is in a database."""
    rows = connection.execute("SELECT stream, epoch, position, message_id FROM checkpoints")
    return {
        stream: Checkpoint(stream=stream, epoch=epoch, position=position, message_id=message_id)
        for stream, epoch, position, message_id in rows
    }


def checkpoints_in(file: Path) -> dict[str, Checkpoint]:
    """The same of a file."""
    with reading(file) as connection:
        return checkpoints_of(connection)


@contextmanager
def alone(database: Path) -> Iterator[Path]:
    """Where a scratch of this database may be; one command at a time. Raises CannotStart."""
    if not database.exists():
        raise CannotStart(
            f"There is no database {database}.",
            "A recorder makes it when it starts for the first time.",
        )
    with _locked(database) as mine:
        if not mine:
            raise CannotStart(
                f"Another command is at work on {database}.", "Wait until it is done, or stop it."
            )
        _remove_leftovers(database)
        try:
            yield _scratch_of(database)
        finally:
            _remove_leftovers(database)


def is_scratch_of(file: Path, database: Path) -> bool:
    """Whether that is the scratch that a command has made."""
    return file.is_file() and file.resolve() == _scratch_of(database.resolve())


def clear_away_leftovers(database: Path) -> None:
    """Remove the scratch of a command that was killed; one that is at work keeps its own."""
    with _locked(database) as mine:
        if mine:
            _remove_leftovers(database)


@contextmanager
def _locked(database: Path) -> Iterator[bool]:
    """Whether we are the only command; the kernel lets go when the process ends, however it ends."""
    lock = database.with_name(f"{database.name}.command.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = True
    except BlockingIOError:
        mine = False
    try:
        yield mine
    finally:
        os.close(descriptor)


def _scratch_of(database: Path) -> Path:
    return database.with_name(f"{database.name}{SUFFIX}")


def _remove_leftovers(database: Path) -> None:
    for file in database.parent.glob(f"{database.name}{SUFFIX}*"):
        file.unlink(missing_ok=True)


def _ddl(projections: Sequence[Projection]) -> Iterable[str]:
    for migration in MIGRATIONS:
        yield from migration
    for projection in projections:
        yield from projection.ddl


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that a power cut may destroy."""
    with closing(
        sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    ) as connection:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        yield connection

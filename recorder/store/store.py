"""The door to the SQLite file: opens it, keeps its one writer and its readers."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiosqlite
import structlog

from recorder.checkpoint import Checkpoint
from recorder.projections.projection import Projection
from recorder.store.checkpoints import PRAGMAS, Checkpoints
from recorder.store.exchange import FileInUse, exchange
from recorder.store.healing import heal
from recorder.store.lock import only_recorder_of
from recorder.store.migrations import FileFromTheFuture, migrate
from recorder.store.readers import Query, Readers, Values
from recorder.store.rebuild import rebuild_changed
from recorder.store.writer import Job, Writer
from schemas.problems import CannotStart

log = structlog.get_logger()

T = TypeVar("T")

OLDEST_SQLITE = (3, 35, 0)  # the first that drops columns and returns rows from changes
READERS = 4
# SQLite's threads ask for the interpreter after each step. While the event loop is busy they get it
# after so long, and by Python's default of 5 ms a transaction would mostly wait.
SWITCH_SECONDS = 0.0005


class Store:
    """One SQLite file: `write` for transactions, `rows` for queries. `projections` make its tables."""

    def __init__(
        self, file: Path, writer: Writer, readers: Readers, projections: Sequence[Projection]
    ) -> None:
        self.file = file
        self._writer = writer
        self._readers = readers
        self.projections = projections

    async def write(self, job: Job[T]) -> T:
        """Run a job in a transaction, committed when this returns; it outlives its caller.

        The job runs on SQLite's thread: it waits for nothing but the database.
        """
        return await self._writer.write(job)

    async def rows(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        """All rows of a query, as of the last commit."""
        [rows] = await self._readers.rows((sql, values))
        return rows

    async def rows_of_each(self, *queries: Query) -> list[list[sqlite3.Row]]:
        """All rows of several queries, as of one moment: no commit comes in between."""
        return await self._readers.rows(*queries)

    async def find_row(self, sql: str, values: Values = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        rows = await self.rows(sql, values)
        return rows[0] if rows else None

    async def find_checkpoint(self, stream: str) -> Checkpoint | None:
        """How far a stream is in the tables; None before its first message."""
        row = await self.find_row("SELECT * FROM checkpoints WHERE stream = ?", (stream,))
        return Checkpoint(**dict(row)) if row else None

    async def adopt(self, new: Path, bring_up: Callable[[], None]) -> None:
        """Take the file `new` as the database. Writers and then readers wait; none of them fails.

        `bring_up` is called in a thread when nothing more is written, to complete `new`. Raises what it
        raises, and FileInUse; then all is as before. If no file can be opened again, the process ends.
        """
        async with self._writer.held():
            await asyncio.to_thread(bring_up)
            with _or_the_end():
                await self._exchange(new)

    async def _exchange(self, new: Path) -> None:
        async with self._readers.closed():
            await self._writer.reopen(partial(exchange, new, self.file), self._open_again)

    async def _open_again(self) -> tuple[aiosqlite.Connection, Checkpoints]:
        connection = await _open_for_writing(self.file)
        return connection, Checkpoints(connection, self.file)


@contextmanager
def _or_the_end() -> Iterator[None]:
    """Without its database a recorder would only look alive. Who supervises it starts it anew, on one of
    the two files, whole.
    """
    try:
        yield
    except FileInUse:
        raise
    except Exception:  # whatever it was, nobody can be answered any more
        log.critical("store.not_reopened", exc_info=True)
        os._exit(os.EX_SOFTWARE)


@asynccontextmanager
async def open_store(file: Path, projections: Sequence[Projection]) -> AsyncIterator[Store]:
    """The store, locked, migrated, its tables at their versions. Raises CannotStart."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise CannotStart(
            f"SQLite {sqlite3.sqlite_version} is too old; the recorder needs 3.35 or newer.",
            "Use a Python that is built with a newer SQLite.",
        )
    sys.setswitchinterval(SWITCH_SECONDS)
    with only_recorder_of(file):
        connection = await _open_for_writing(file)
        writer = Writer(connection, Checkpoints(connection, file))
        try:
            await _bring_up_to_date(file, writer, projections)
            readers = await Readers.open(file, READERS)
            try:
                yield Store(file, writer, readers, projections)
            finally:
                await readers.close()
        finally:
            await writer.close()


async def _bring_up_to_date(file: Path, writer: Writer, projections: Sequence[Projection]) -> None:
    try:
        await rebuild_changed(writer, projections)
    except FileFromTheFuture as error:
        raise _unusable(file, error) from error
    await heal(writer, projections)


async def _open_for_writing(file: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(file, isolation_level=None)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "mmap_size = 0", *PRAGMAS):
            await connection.execute(f"PRAGMA {pragma}")
        await migrate(connection)
    except BaseException as error:  # also when cancelled: nobody else knows of it
        await connection.close()
        if isinstance(error, sqlite3.DatabaseError | FileFromTheFuture):
            raise _unusable(file, error) from error
        raise
    return connection


def _unusable(file: Path, error: Exception) -> CannotStart:
    if isinstance(error, FileFromTheFuture):
        return CannotStart(
            f"{file} was written by a newer Runreel.", "Use that version, or another file."
        )
    return CannotStart(
        f"{file} cannot be used as a database ({error}).",
        "Check the file, or set RUNREEL_DATABASE to another one.",
    )

"""The one connection that writes. A transaction is one call on its thread, begun and ended there.

Calls wait in that thread's queue and each runs to its end, so a caller that is cancelled leaves a
whole transaction behind. Checkpoints of the WAL are calls of their own: see `checkpoints`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple, Protocol, TypeVar

import aiosqlite
from msgspec import Struct

from recorder.cancelling import to_the_end
from recorder.checkpoint import Checkpoint
from recorder.entries import Entry
from recorder.parking import Culprit
from recorder.projections.projection import Change, Rows, Step
from recorder.store.checkpoints import Checkpoints
from recorder.store.exchange import put_wal_away
from recorder.store.thread import on_its_thread

T = TypeVar("T")
Row = tuple[Any, ...]
Job = Callable[["Transaction"], T]
OpenAgain = Callable[[], Awaitable[tuple[aiosqlite.Connection, Checkpoints]]]

# Many rows go in statements of so many each, one step of SQLite, during which the event loop runs; a
# statement a row would ask for the interpreter a thousand times, and wait for the loop each time.
# Few sizes, so that each statement is compiled once; 32,766 parameters are the most there may be.
CHUNKS = (250, 50, 10, 1)


class LogRow(NamedTuple):
    """One message as the log keeps it."""

    stream: str
    epoch: int
    position: int
    event_id: str | None
    run_id: str | None
    subject: str
    raw: bytes


class Batch(Struct, frozen=True, kw_only=True):
    """What one transaction changes: all of it, or nothing. Those that wait are in the log all the same. `holders`
    are runs and their workers, of which the log knew nothing yet.
    """

    log: Sequence[LogRow]
    changes: Sequence[Change]
    checkpoint: Checkpoint
    waiting: Sequence[Entry] = ()
    culprits: Sequence[Culprit] = ()
    holders: Sequence[tuple[str, str]] = ()


_ADD_TO_LOG = """
INSERT INTO log (stream, epoch, position, event_id, run_id, subject, raw) VALUES
"""
_LOG_ROW = "(?, ?, ?, ?, ?, ?, ?)"
_WAIT = """
UPDATE log SET parked = 1, parked_owner = ? WHERE stream = ? AND epoch = ? AND position = ?
"""
_QUARANTINE = """
INSERT INTO quarantine (stream, epoch, position, owner, code, projection, reason)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (stream, epoch, position) DO UPDATE SET
  code = excluded.code, projection = excluded.projection, reason = excluded.reason
"""
_HOLD = "INSERT INTO holders (run_id, worker) VALUES (?, ?)"
_SET_CHECKPOINT = """
INSERT INTO checkpoints (stream, epoch, position, message_id) VALUES (?, ?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET
  epoch = excluded.epoch, position = excluded.position, message_id = excluded.message_id
"""


class Transaction:
    """What a job may do with the writing connection, on its thread, while it has it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, as this transaction sees them."""
        return self._connection.execute(sql, values).fetchall()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """One statement."""
        self._connection.execute(sql, values)

    def run(self, changes: Iterable[Change]) -> None:
        """Changes in their order."""
        for change in changes:
            if isinstance(change, Rows):
                self._insert(change)
            elif isinstance(change, Step):
                found = self._connection.execute(change.sql, change.values).fetchall()
                self.run(change.then(found))
            else:
                self._connection.execute(change.sql, change.values)

    def known_ids(self, event_ids: Sequence[str]) -> set[str]:
        """Those of the ids that the log holds already."""
        return {
            row[0]
            for some in in_chunks(event_ids)
            for row in self._connection.execute(_known_ids(len(some)), some)
        }

    def apply(self, batch: Batch) -> None:
        """Log rows, tables, quarantine, holders and checkpoint."""
        self._insert(Rows(_ADD_TO_LOG, _LOG_ROW, "", batch.log))
        self.run(batch.changes)
        self.park(batch.waiting, batch.culprits)
        self.hold(batch.holders)
        self.set_checkpoint(batch.checkpoint)

    def holders(self, run_ids: Sequence[str]) -> dict[str, str]:
        """The workers of those of the runs that anybody holds."""
        return {
            run_id: worker
            for some in in_chunks(run_ids)
            for run_id, worker in self._connection.execute(_holders(len(some)), some)
        }

    def hold(self, holders: Iterable[tuple[str, str]]) -> None:
        """These workers were the first to write in these runs."""
        for held in holders:
            self.execute(_HOLD, held)

    def set_checkpoint(self, at: Checkpoint) -> None:
        """How far a stream is in this database."""
        self.execute(_SET_CHECKPOINT, (at.stream, at.epoch, at.position, at.message_id))

    def park(self, waiting: Iterable[Entry], culprits: Iterable[Culprit]) -> None:
        """Mark log rows as waiting, and say because of which."""
        for entry in waiting:
            self.execute(_WAIT, (entry.owner, entry.message.stream, *entry.place))
        for culprit in culprits:
            self.execute(_QUARANTINE, culprit)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Whatever fails in the block is undone, and only that."""
        self.execute("SAVEPOINT attempt")
        try:
            yield
        except Exception:  # undone here, judged by the caller
            if self._connection.in_transaction:  # a full disk may have ended it as a whole
                self.execute("ROLLBACK TO attempt")
                self.execute("RELEASE attempt")
            raise
        self.execute("RELEASE attempt")

    def begin_anew(self) -> None:
        """Undo all that the job has done so far."""
        self.execute("ROLLBACK")
        self.execute("BEGIN IMMEDIATE")

    def _insert(self, change: Rows) -> None:
        for some in in_chunks(change.rows):
            sql = _statement(change.before, change.row, change.after, len(some))
            self._connection.execute(sql, list(chain.from_iterable(some)))


class Writes(Protocol):
    """Who runs jobs in transactions: the writer, or the store that owns one."""

    async def write(self, job: Job[T]) -> T:
        """Run `job` in a transaction of its own; it is committed when this returns."""


class Writer:
    """The owner of the writing connection."""

    def __init__(self, connection: aiosqlite.Connection, checkpoints: Checkpoints) -> None:
        self._connection = connection
        self._checkpoints = checkpoints
        self._may_write = asyncio.Event()
        self._may_write.set()

    async def write(self, job: Job[T]) -> T:
        """Run `job` in a transaction of its own; it is committed when this returns."""
        while not self._may_write.is_set():
            await self._may_write.wait()
        result = await on_its_thread(self._connection, partial(_transact, job))
        self._checkpoints.written()
        return result

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Nothing is written in this block; who wants to waits until it is left."""
        self._may_write.clear()
        try:
            await on_its_thread(self._connection, _nothing)  # what was asked for before is done
            yield
        finally:
            self._may_write.set()

    async def reopen(self, exchange: Callable[[], None], open_again: OpenAgain) -> None:
        """Close the connection, let files be exchanged, and open another one. To be called while held.

        Raises FileInUse; then nothing has changed.
        """
        await self._checkpoints.close()
        await on_its_thread(self._connection, put_wal_away)
        try:
            await self._connection.close()
            exchange()  # not in a thread, which would go on with it if we were cancelled
        finally:
            self._connection, self._checkpoints = await open_again()

    async def close(self) -> None:
        """Finish what was asked for, then close the connection, also when cancelled meanwhile."""
        await to_the_end(self._close())

    async def _close(self) -> None:
        await self._checkpoints.close()
        await self._connection.close()


def in_chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """The rows in their order, in pieces whose sizes are those of `CHUNKS`."""
    start = 0
    for size in CHUNKS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def _transact(job: Job[T], connection: sqlite3.Connection) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = job(Transaction(connection))
        connection.execute("COMMIT")
    except BaseException:  # no transaction may stay open
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _nothing(_connection: sqlite3.Connection) -> None:
    """Only takes its turn."""


@lru_cache
def _statement(before: str, row: str, after: str, count: int) -> str:
    return f"{before}{','.join([row] * count)}{after}"


@lru_cache
def _holders(count: int) -> str:
    return f"SELECT run_id, worker FROM holders WHERE run_id IN ({','.join('?' * count)})"


@lru_cache
def _known_ids(count: int) -> str:
    return f"SELECT event_id FROM log WHERE event_id IN ({','.join('?' * count)})"

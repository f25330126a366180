"""The one connection that writes. One task owns it and runs one transaction after another.

A caller that is cancelled leaves its transaction to that task, which finishes it: cancelling an
await of aiosqlite does not cancel the statement, so no transaction may hang on its caller's life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar

import aiosqlite
from msgspec import Struct

from recorder.checkpoint import Checkpoint
from recorder.projections.projection import Statement

T = TypeVar("T")
Row = tuple[Any, ...]
Job = Callable[["Transaction"], Awaitable[T]]


class LogRow(Struct, frozen=True, kw_only=True, array_like=True):
    """One message as the log keeps it."""

    stream: str
    epoch: int
    position: int
    event_id: str | None
    run_id: str | None
    subject: str
    raw: bytes
    error: str | None


class Batch(Struct, frozen=True, kw_only=True):
    """What one transaction changes: all of it, or nothing."""

    log: Sequence[LogRow]
    statements: Sequence[Statement]
    checkpoint: Checkpoint


_ADD_TO_LOG = """
INSERT INTO log (stream, epoch, position, event_id, run_id, subject, raw, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_SET_CHECKPOINT = """
INSERT INTO checkpoints (stream, epoch, position, message_id) VALUES (?, ?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET
  epoch = excluded.epoch, position = excluded.position, message_id = excluded.message_id
"""


class Transaction:
    """What a job may do with the writing connection while it has it."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, as this transaction sees them."""
        return [tuple(row) for row in await self._connection.execute_fetchall(sql, values)]

    async def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """One statement."""
        await self._connection.execute(sql, values)

    async def run(self, statements: Iterable[Statement]) -> None:
        """Statements in their order; neighbours that differ only in values go in one call."""
        await _all(self._calls(statements))

    async def known_ids(self, event_ids: Sequence[str]) -> set[str]:
        """Those of the ids that the log holds already."""
        marks = ",".join("?" * len(event_ids))
        rows = await self.rows(f"SELECT event_id FROM log WHERE event_id IN ({marks})", event_ids)
        return {row[0] for row in rows}

    async def apply(self, batch: Batch) -> None:
        """Log rows, tables and checkpoint."""
        rows = [_values(row) for row in batch.log]
        checkpoint = _checkpoint_values(batch.checkpoint)
        await _all(
            [
                self._connection.executemany(_ADD_TO_LOG, rows),
                *self._calls(batch.statements),
                self._connection.execute(_SET_CHECKPOINT, checkpoint),
            ]
        )

    def _calls(self, statements: Iterable[Statement]) -> Iterator[Awaitable[Any]]:
        for sql, alike in groupby(statements, key=lambda statement: statement.sql):
            yield self._connection.executemany(sql, [statement.values for statement in alike])


async def _all(calls: Iterable[Awaitable[Any]]) -> None:
    """Queue calls together: SQLite's thread takes them in order, and one wait is enough. Raises the first failure."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


class Writer:
    """The owner of the writing connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._jobs: asyncio.Queue[tuple[Job[Any], asyncio.Future[Any]] | None] = asyncio.Queue()
        self._owner = asyncio.create_task(self._own(), name="store-writer")

    async def write(self, job: Job[T]) -> T:
        """Run `job` in a transaction of its own; it is committed when this returns."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait((job, done))
        return await done

    async def close(self) -> None:
        """Finish what was asked for, then close the connection."""
        self._jobs.put_nowait(None)
        await self._owner
        await self._connection.close()

    async def _own(self) -> None:
        while (asked := await self._jobs.get()) is not None:
            job, done = asked
            try:
                result = await self._transact(job)
            except Exception as error:  # whatever it is belongs to the one who asked
                _settle(done, error=error)
            else:
                _settle(done, result=result)

    async def _transact(self, job: Job[T]) -> T:
        await self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = await job(Transaction(self._connection))
            await self._connection.execute("COMMIT")
        except BaseException:  # cancelled too: no transaction may stay open
            if self._connection.in_transaction:
                await self._connection.execute("ROLLBACK")
            raise
        return result


def _settle(
    done: asyncio.Future[Any], *, result: object = None, error: Exception | None = None
) -> None:
    if done.done():  # its caller was cancelled; the work is done all the same
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


def _values(row: LogRow) -> Row:
    return (
        row.stream,
        row.epoch,
        row.position,
        row.event_id,
        row.run_id,
        row.subject,
        row.raw,
        row.error,
    )


def _checkpoint_values(checkpoint: Checkpoint) -> Row:
    return (checkpoint.stream, checkpoint.epoch, checkpoint.position, checkpoint.message_id)

"""A few read-only connections. Each answers one query at a time; a query waits for a free one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite

from recorder.cancelling import to_the_end
from recorder.store.thread import on_its_thread

Values = Sequence[Any] | Mapping[str, Any]
Query = tuple[str, Values]


class Readers:
    """The pool."""

    def __init__(self, file: Path, count: int) -> None:
        self._file = file
        self._count = count
        self._free: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()

    @classmethod
    async def open(cls, file: Path, count: int) -> Readers:
        """Open `count` connections on a file that exists."""
        readers = cls(file, count)
        await readers._open()
        return readers

    async def rows(self, *queries: Query) -> list[list[sqlite3.Row]]:
        """All rows of each query, as of one moment."""
        async with self._one() as connection:
            return await on_its_thread(connection, partial(_rows, queries))

    async def close(self) -> None:
        """Close every connection once its query is done, also when cancelled meanwhile; queries from now on wait."""
        await to_the_end(self._close())

    async def _close(self) -> None:
        for _ in range(self._count):
            await (await self._free.get()).close()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Nobody reads in this block; who wants to waits until it is left."""
        await self.close()
        try:
            yield
        finally:
            await self._open()

    async def _open(self) -> None:
        opened: list[aiosqlite.Connection] = []
        try:
            while len(opened) < self._count:
                opened.append(await _open(self._file))
        except BaseException:  # also when cancelled: nobody else knows of these
            for connection in opened:
                await connection.close()
            raise
        for connection in opened:
            self._free.put_nowait(connection)

    @asynccontextmanager
    async def _one(self) -> AsyncIterator[aiosqlite.Connection]:
        connection = await self._free.get()
        try:
            yield connection
        finally:
            self._free.put_nowait(connection)


def _rows(queries: Sequence[Query], connection: sqlite3.Connection) -> list[list[sqlite3.Row]]:
    if len(queries) > 1:
        connection.execute("BEGIN")  # from the first query on, all that is read is of one moment
    try:
        return [connection.execute(sql, values).fetchall() for sql, values in queries]
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


async def _open(file: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(_read_only(file), uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in ("query_only = ON", "mmap_size = 0", "busy_timeout = 5000"):
            await connection.execute(f"PRAGMA {pragma}")
    except BaseException:  # also when cancelled: nobody else knows of it
        await connection.close()
        raise
    return connection


def _read_only(file: Path) -> str:
    return f"{file.absolute().as_uri()}?mode=ro"

"""A second SQLite file, for what can be made anew: it may be dropped at any time, and nobody waits for it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from recorder.store.checkpoints import PRAGMAS, Checkpoints
from recorder.store.readers import Query, Readers
from recorder.store.writer import Job, T, Writer

SUFFIXES = ("-wal", "-shm", "")  # a WAL that outlives its file would be played into the next one


class Beside:
    """One such file, with threads of its own. All of it raises `sqlite3.Error`."""

    def __init__(self, file: Path, writer: Writer, readers: Readers) -> None:
        self.file = file
        self._writer = writer
        self._readers = readers
        self._inode = file.stat().st_ino

    @property
    def is_there(self) -> bool:
        """Whether the file that is open still has its name: nobody removed it or put another one there."""
        try:
            return self.file.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    async def write(self, job: Job[T]) -> T:
        """Run a job in a transaction, committed when this returns; it outlives its caller."""
        return await self._writer.write(job)

    async def rows(self, *queries: Query) -> list[list[sqlite3.Row]]:
        """All rows of each query, asked one after another."""
        return await self._readers.rows(*queries)


@asynccontextmanager
async def open_beside(file: Path, readers: int) -> AsyncIterator[Beside]:
    """The file, made if it is not there. Only whoever holds the database's lock may do this."""
    connection = await aiosqlite.connect(file, isolation_level=None)
    writer = Writer(connection, Checkpoints(connection, file))
    try:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "mmap_size = 0", *PRAGMAS):
            await connection.execute(f"PRAGMA {pragma}")
        pool = await Readers.open(file, readers)
        try:
            yield Beside(file, writer, pool)
        finally:
            await pool.close()
    finally:
        await writer.close()


def size_bytes(file: Path) -> int:
    """What a database takes on the disk, with its WAL."""
    files = (file, file.with_name(f"{file.name}-wal"))
    return sum(each.stat().st_size for each in files if each.is_file())


def remove(file: Path) -> None:
    """A database that nobody has open."""
    for suffix in SUFFIXES:
        Path(f"{file}{suffix}").unlink(missing_ok=True)

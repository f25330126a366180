"""When the WAL goes into the database file: not within a commit, for that waits for the disk twice.

SQLite's own checkpoints run inside of the commit that makes the WAL too long, with two fsyncs. Ours
are calls of their own on the writing connection's thread (never on another connection: before SQLite
3.51.3 two that checkpoint at once can corrupt the file): in a quiet moment, and without waiting for one
when the WAL has grown long.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import aiosqlite
import structlog

from recorder.store.thread import on_its_thread

log = structlog.get_logger()

MIB = 1024 * 1024
WORTH_BYTES = 1 * MIB
MOST_BYTES = 32 * MIB
QUIET_SECONDS = 0.25

# A WAL that was checkpointed as a whole is begun anew by the next commit, and only with a limit does
# the file shrink then: so its size says how long the WAL is.
PRAGMAS = ("wal_autocheckpoint = 0", "journal_size_limit = 0")


class Checkpoints:
    """Looks at the WAL after each commit. `worth` is when a quiet moment is used, `most` when none is
    waited for.
    """

    def __init__(
        self,
        connection: aiosqlite.Connection,
        file: Path,
        *,
        worth_bytes: int = WORTH_BYTES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._connection = connection
        self._wal = file.with_name(file.name + "-wal")
        self._worth_bytes = worth_bytes
        self._most_bytes = most_bytes
        self._quiet: asyncio.TimerHandle | None = None
        self._under_way: asyncio.Task[None] | None = None

    def written(self) -> None:
        """A transaction was committed."""
        self._wait_no_more()
        if self._under_way is not None:
            return
        size_bytes = self._size_bytes()
        if size_bytes >= self._most_bytes:
            self._begin()
        elif size_bytes >= self._worth_bytes:
            self._quiet = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._begin)

    async def close(self) -> None:
        """Begin no more of them; SQLite makes the last one when the last connection is closed."""
        self._wait_no_more()
        if self._under_way is not None:
            await self._under_way

    def _size_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:  # a file system on which SQLite cannot keep a WAL
            return 0

    def _wait_no_more(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    def _begin(self) -> None:
        self._quiet = None
        self._under_way = asyncio.create_task(self._checkpoint(), name="wal-checkpoint")

    async def _checkpoint(self) -> None:
        try:
            await on_its_thread(self._connection, _checkpoint)
        except sqlite3.Error as error:  # the rows are safe in the WAL; the next commit asks again
            log.warning("store.checkpoint_failed", reason=str(error))
        finally:
            self._under_way = None


def _checkpoint(connection: sqlite3.Connection) -> None:
    """As far as readers allow; they are not waited for."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

"""The tables that are not projections: the log, the checkpoints, and what is known of projections.

The log is migrated, never rebuilt: it may hold the last copy. A released migration is never edited.
"""

from __future__ import annotations

import aiosqlite

# `id` is only where the row lies; identity is (stream, epoch, position), and the event's id.
_LOG = """
CREATE TABLE log (
  id       INTEGER PRIMARY KEY,
  stream   TEXT NOT NULL,
  epoch    INTEGER NOT NULL,
  position INTEGER NOT NULL,
  event_id TEXT UNIQUE,
  run_id   TEXT,
  subject  TEXT NOT NULL,
  raw      BLOB NOT NULL,
  error    TEXT,
  UNIQUE (stream, epoch, position)
)
"""
_CHECKPOINTS = """
CREATE TABLE checkpoints (
  stream     TEXT NOT NULL PRIMARY KEY,
  epoch      INTEGER NOT NULL,
  position   INTEGER NOT NULL,
  message_id TEXT NOT NULL
) WITHOUT ROWID
"""
_PROJECTIONS = """
CREATE TABLE projections (
  name    TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL
) WITHOUT ROWID
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = ((_LOG, _CHECKPOINTS, _PROJECTIONS),)


class FileFromTheFuture(Exception):
    """The database was written by a newer Runreel."""


async def migrate(connection: aiosqlite.Connection) -> None:
    """Bring the file to the newest shape, one transaction a step. Raises FileFromTheFuture."""
    async with connection.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    version = int(row[0]) if row else 0
    if version > len(MIGRATIONS):
        raise FileFromTheFuture
    for number in range(version, len(MIGRATIONS)):
        await _step(connection, number)


async def _step(connection: aiosqlite.Connection, number: int) -> None:
    await connection.execute("BEGIN IMMEDIATE")
    for statement in MIGRATIONS[number]:
        await connection.execute(statement)
    await connection.execute(f"PRAGMA user_version = {number + 1}")
    await connection.execute("COMMIT")

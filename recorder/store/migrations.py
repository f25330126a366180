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

# A parked row waits for its owner, `parked_owner`: it is in the log and in no projection.
_PARKED = "ALTER TABLE log ADD COLUMN parked INTEGER NOT NULL DEFAULT 0"
_OWNER = "ALTER TABLE log ADD COLUMN parked_owner TEXT"
_BY_OWNER = "CREATE INDEX log_parked ON log (parked_owner, stream, epoch, position) WHERE parked"
# No time of ours: but for `skipped`, an operator's decision, the table is made of the stream.
_QUARANTINE = """
CREATE TABLE quarantine (
  stream     TEXT NOT NULL,
  epoch      INTEGER NOT NULL,
  position   INTEGER NOT NULL,
  owner      TEXT NOT NULL,
  code       TEXT NOT NULL,
  projection TEXT NOT NULL,
  reason     TEXT NOT NULL,
  skipped    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (stream, epoch, position)
) WITHOUT ROWID
"""
_WHO_IS_PARKED = "CREATE INDEX quarantine_parked ON quarantine (stream, owner) WHERE NOT skipped"
# What this file was last opened by: another program may read what the one before could not.
_PROGRAM = "CREATE TABLE program (fingerprint TEXT NOT NULL)"
# What could not be read used to be passed over; now it parks its owner, so all is projected anew.
_ANEW = "DELETE FROM projections WHERE EXISTS (SELECT 1 FROM log WHERE error IS NOT NULL)"
_NO_ERROR = "ALTER TABLE log DROP COLUMN error"

# Which file this is, not what is in it: what was made of one (the search index) says of which. A copy is the same.
_IDENTITY = "CREATE TABLE identity (id TEXT NOT NULL)"
_A_NEW_FILE = "INSERT INTO identity (id) VALUES (lower(hex(randomblob(16))))"

# The worker that holds a run: the first that wrote in it (recorder.holders).
_HOLDERS = """
CREATE TABLE holders (run_id TEXT NOT NULL PRIMARY KEY, worker TEXT NOT NULL) WITHOUT ROWID
"""
_AFTER_RUN = "substr(subject, instr(subject, '.' || run_id || '.') + length(run_id) + 2)"
_HELD = f"""
INSERT INTO holders (run_id, worker)
SELECT run_id, substr(after, 1, instr(after, '.') - 1) FROM (
  SELECT run_id, {_AFTER_RUN} AS after, min(id) FROM log
  WHERE stream = 'RUNS' AND run_id IS NOT NULL AND subject NOT LIKE '%.' || run_id || '.recorder.%'
  GROUP BY run_id)
WHERE instr(after, '.') > 1
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (_LOG, _CHECKPOINTS, _PROJECTIONS),
    (_PARKED, _OWNER, _BY_OWNER, _QUARANTINE, _WHO_IS_PARKED, _PROGRAM, _ANEW, _NO_ERROR),
    (_IDENTITY, _A_NEW_FILE),
    (_HOLDERS, _HELD),
)


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

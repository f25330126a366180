"""One database file in the place of another, so that whoever opens it after a crash has one of the two, whole."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path


class FileInUse(Exception):
    """Another program is reading the database, so its WAL cannot be put away."""


def put_wal_away(connection: sqlite3.Connection) -> None:
    """Into the file with all of it, so that what remains beside the file is empty. Raises FileInUse."""
    connection.execute("PRAGMA busy_timeout = 500")
    [(busy, _, _)] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if busy:
        raise FileInUse


def exchange(new: Path, database: Path) -> None:
    """Rename `new` to `database`. Nobody here has either of them open, and the WAL was put away.

    The old WAL goes first: it is empty, and one that stood beside a new file would be played into it.
    """
    _sync(new)
    for suffix in ("-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    new.replace(database)
    _sync(database.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

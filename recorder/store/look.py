"""A short look into a database from another process: read only, beside a recorder or without one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from recorder.store.migrations import MIGRATIONS
from schemas.problems import CannotReach, CannotStart

BUSY_SECONDS = 5.0


@contextmanager
def looking_into(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. Raises CannotReach, CannotStart for a file of a newer version."""
    try:
        with closing(_open(file)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise CannotReach(
            f"{file} cannot be read as a database ({error}).",
            "Does this user have the rights to, and is it the file of a recorder?",
        ) from error


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA query_only = ON")
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        connection.close()
        raise CannotStart(f"{file} was written by a newer Runreel.", "Use that version.")
    return connection

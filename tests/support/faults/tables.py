"""What a recorder's file holds, read beside the running recorder."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """The file as of one moment."""
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA busy_timeout = 5000")
    try:
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()


def position(file: Path, stream: str) -> int:
    """How far a stream is in the tables."""
    with reading(file) as connection:
        found = connection.execute(
            "SELECT position FROM checkpoints WHERE stream = ?", (stream,)
        ).fetchone()
    return int(found[0]) if found else 0


def events_of_workers(file: Path) -> dict[str, list[tuple[int, str]]]:
    """Of each run number and id of its worker's events, in the order of the record."""
    sql = "SELECT run_id, sequence, id FROM events WHERE source = 'worker' ORDER BY epoch, position"
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with reading(file) as connection:
        for run_id, number, event_id in connection.execute(sql):
            found[run_id].append((int(number), event_id))
    return dict(found)


def ends(file: Path) -> dict[str, str | None]:
    """Of each run the code it ended with, None while it goes on."""
    with reading(file) as connection:
        return dict(connection.execute("SELECT id, end_code FROM runs"))


def arrived(file: Path) -> dict[str, int]:
    """Of each run how many events of its worker are in the tables."""
    with reading(file) as connection:
        return dict(connection.execute("SELECT id, arrived FROM runs"))


def ending_events(file: Path) -> list[tuple[str, str]]:
    """Run and event id of each event that says that a run has ended, in the order of the record."""
    sql = "SELECT run_id, id FROM events WHERE terminal ORDER BY epoch, position"
    with reading(file) as connection:
        return list(connection.execute(sql))


def quarantined(file: Path) -> list[tuple[str, int, int, str]]:
    """Stream, epoch, position and owner of each message that holds somebody up, or that names nobody."""
    sql = "SELECT stream, epoch, position, owner FROM quarantine WHERE NOT skipped"
    with reading(file) as connection:
        return list(connection.execute(sql))

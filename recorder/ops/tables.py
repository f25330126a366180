"""What a database says of itself: how far its streams are, what misses, what is parked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from recorder.checkpoint import Checkpoint
from recorder.ops.scratch import checkpoints_of, reading
from recorder.ops.status import Gap, Hole, Holes, Parked, ParkedMessage
from recorder.store.migrations import MIGRATIONS
from schemas import subjects
from schemas.problems import CannotReach, CannotStart

SHOWN = 5  # of a list that may be long: the newest, and how many there are

# Where the log does not begin with the stream (?1), a run's beginning may have left it before it was read:
# then its first numbers are no hole.
_HAS_HOLES = """
arrived < last_sequence AND NOT (?1 AND last_sequence - arrived = (
  SELECT min(sequence) - 1 FROM events WHERE run_id = runs.id AND source = 'worker'))
"""
_HOLES = f"""
SELECT id, last_sequence - arrived AS missing FROM runs
WHERE {_HAS_HOLES} ORDER BY created_at DESC LIMIT ?2
"""
_ALL_HOLES = f"""
SELECT count(*), coalesce(sum(last_sequence - arrived), 0) FROM runs WHERE {_HAS_HOLES}
"""
_GAPS = """
SELECT sequence + 1, next - 1
FROM (SELECT sequence, lead(sequence) OVER (ORDER BY sequence) AS next
      FROM (SELECT 0 AS sequence UNION ALL
            SELECT sequence FROM events WHERE run_id = ? AND source = 'worker'))
WHERE next > sequence + 1 LIMIT ?
"""
_PARKED = """
SELECT stream, epoch, position, owner, code, projection, reason FROM quarantine
WHERE NOT skipped ORDER BY stream, epoch, position LIMIT ?
"""
_ALL_PARKED = """
SELECT count(*), count(DISTINCT nullif(owner, '')), (SELECT count(*) FROM quarantine WHERE skipped)
FROM quarantine WHERE NOT skipped
"""


class Progress(Struct, frozen=True):
    """How far one stream is in the tables; `first` is the oldest position that the log holds of it."""

    checkpoint: Checkpoint
    first: int | None


class Tables(Struct, frozen=True, kw_only=True):
    """All of it."""

    progress: dict[str, Progress]
    open_runs: int
    holes: Holes
    parked: Parked


@contextmanager
def looking_into(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, beside a recorder or without one. Raises CannotReach, CannotStart."""
    try:
        with reading(database) as connection:
            connection.row_factory = sqlite3.Row
            [version] = connection.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise CannotStart(
                    f"{database} was written by a newer Runreel.", "Use that version."
                )
            yield connection
    except sqlite3.DatabaseError as error:
        raise CannotReach(
            f"{database} cannot be read as a database ({error}).",
            "Has this user the right to, and is it the file of a recorder?",
        ) from error


def look_if_there(database: Path) -> Tables | None:
    """Read it, all as of one commit; None where there is no such file. Raises as `looking_into`."""
    if not database.is_file():
        return None
    with looking_into(database) as connection:
        connection.execute("BEGIN")
        there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        progress = _progress(connection) if "checkpoints" in there else {}
        return Tables(
            progress=progress,
            open_runs=_open_runs(connection) if "runs" in there else 0,
            holes=_holes(connection, progress) if {"runs", "events"} <= there else Holes(),
            parked=parked_in(connection) if "quarantine" in there else Parked(),
        )


def parked_in(connection: sqlite3.Connection, limit: int = SHOWN) -> Parked:
    """The quarantine; its first messages, all with a limit of -1."""
    messages, owners, skipped = connection.execute(_ALL_PARKED).fetchone()
    rows = connection.execute(_PARKED, (limit,)).fetchall()
    first = tuple(ParkedMessage(**dict(row)) for row in rows)
    return Parked(messages=messages, owners=owners, skipped=skipped, first=first)


def _progress(connection: sqlite3.Connection) -> dict[str, Progress]:
    checkpoints = checkpoints_of(connection)
    return {name: Progress(at, _first(connection, at)) for name, at in checkpoints.items()}


def _first(connection: sqlite3.Connection, at: Checkpoint) -> int | None:
    sql = "SELECT min(position) FROM log WHERE stream = ? AND epoch = ?"
    [first] = connection.execute(sql, (at.stream, at.epoch)).fetchone()
    return None if first is None else int(first)


def _open_runs(connection: sqlite3.Connection) -> int:
    [count] = connection.execute("SELECT count(*) FROM runs WHERE finished_at IS NULL").fetchone()
    return int(count)


def _holes(connection: sqlite3.Connection, progress: Mapping[str, Progress]) -> Holes:
    begun_late = subjects.RUNS in progress and (progress[subjects.RUNS].first or 1) > 1
    runs, missing = connection.execute(_ALL_HOLES, (begun_late,)).fetchone()
    return Holes(
        runs=runs,
        missing=missing,
        first=tuple(
            Hole(run_id=row["id"], missing=row["missing"], gaps=_gaps(connection, row["id"]))
            for row in connection.execute(_HOLES, (begun_late, SHOWN)).fetchall()
        ),
    )


def _gaps(connection: sqlite3.Connection, run_id: str) -> tuple[Gap, ...]:
    rows = connection.execute(_GAPS, (run_id, SHOWN)).fetchall()
    return tuple(Gap(first=first, last=last) for first, last in rows)

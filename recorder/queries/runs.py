"""Runs, newest first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from recorder.queries.cursors import cursor, time_key
from recorder.queries.pages import Conditions, page
from recorder.queries.spaces import space_id_of
from recorder.store import Query, Store
from schemas.problems import RunNotFound
from schemas.resources import Failure, Page, Run, RunCounts, RunSummary, RuntimeRun
from schemas.times import milliseconds_between

T = TypeVar("T")

LIST = "runs"
MOST_GAPS = 1000

# The worker numbers its events 1, 2, 3, …: what is between two numbers that came has not come.
_GAPS = """
SELECT previous + 1, sequence - 1 FROM (
  SELECT sequence, lag(sequence, 1, 0) OVER (ORDER BY sequence) AS previous
  FROM events WHERE run_id = ? AND source = 'worker')
WHERE sequence > previous + 1 ORDER BY 1 LIMIT ?
"""


_ONE = """
SELECT runs.*, code AS parked_code, position AS parked_at, reason AS parked_reason FROM runs
LEFT JOIN quarantine INDEXED BY quarantine_parked ON stream = 'RUNS' AND owner = id AND NOT skipped
WHERE id = ?
"""
OPEN = "SELECT id, runtime_id, space_id FROM runs WHERE finished_at IS NULL"


class RunFilter(Struct, frozen=True):
    """Which runs; none of a kind: any."""

    space_id: str | None = None
    runtime_id: str | None = None
    status: Sequence[str] = ()


class OpenRun(Struct, frozen=True):
    """A run that has not ended."""

    id: str
    runtime_id: str
    space_id: str


class Course(Struct, frozen=True):
    """How far a run has come: it is launching until it is ready or has ended."""

    ready: bool
    ended: bool
    end_code: str | None
    end_message: str | None


async def get_summary(store: Store, run_id: str) -> RunSummary:
    """One run, as lists show it. Raises RunNotFound."""
    return summary(await store.rows(*one_run(run_id)))


def one_run(run_id: str) -> Query:
    """The query for one run."""
    return _ONE, (run_id,)


def summary(rows: Sequence[sqlite3.Row]) -> RunSummary:
    """What that query found, as lists show it. Raises RunNotFound."""
    return RunSummary(**_summary(_only(rows)))


def is_parked(rows: Sequence[sqlite3.Row]) -> bool:
    """Whether events of that run wait, whose places lie before what is shown of others already."""
    return bool(rows) and rows[0]["parked_code"] is not None


async def find_course(store: Store, run_id: str) -> Course | None:
    """How far a run has come, or None."""
    row = await store.find_row(*one_run(run_id))
    if row is None:
        return None
    return Course(
        ready=row["started_at"] is not None,
        ended=row["finished_at"] is not None,
        end_code=row["end_code"],
        end_message=row["end_message"],
    )


async def list_open(store: Store) -> list[OpenRun]:
    """Every run that has not ended."""
    return [OpenRun(**dict(row)) for row in await store.rows(OPEN)]


async def get_run(store: Store, run_id: str) -> Run:
    """One run, with its counts and what is missing of it. Raises RunNotFound."""
    row = await _get_row(store, run_id)
    whole = row["arrived"] == row["last_sequence"]
    return Run(
        **_summary(row),
        counts=RunCounts(events=row["events"]),
        last_sequence=row["last_sequence"],
        missing=[] if whole else await _gaps(store, run_id),
        late=row["late"],
        parked=_parked(row),
    )


async def list_runs(
    store: Store, wanted: RunFilter, after: str | None, limit: int
) -> Page[RunSummary]:
    """A page of runs. Raises CursorInvalid."""
    return await _list(store, wanted, after, limit, lambda row: RunSummary(**_summary(row)))


async def list_compact_runs(
    store: Store, wanted: RunFilter, after: str | None, limit: int
) -> Page[RuntimeRun]:
    """The same page in the compact shape of seed 004. Raises CursorInvalid."""
    return await _list(store, wanted, after, limit, _compact)


async def _list(
    store: Store,
    wanted: RunFilter,
    after: str | None,
    limit: int,
    resource: Callable[[sqlite3.Row], T],
) -> Page[T]:
    conditions = _conditions(wanted)
    if after is not None:
        conditions.add("(created_at, id) < (?, ?)", *time_key(LIST, after))
    rows = await store.rows(
        f"SELECT * FROM runs {conditions.where} ORDER BY created_at DESC, id DESC LIMIT ?",
        (*conditions.values, limit + 1),
    )
    return page(rows, limit, resource, lambda row: cursor(LIST, (row["created_at"], row["id"])))


def _conditions(wanted: RunFilter) -> Conditions:
    conditions = Conditions()
    if wanted.space_id is not None:
        conditions.add("space_id = ?", space_id_of(wanted.space_id))
    if wanted.runtime_id is not None:
        conditions.add("runtime_id = ?", wanted.runtime_id)
    conditions.one_of("status", wanted.status)
    return conditions


async def _get_row(store: Store, run_id: str) -> sqlite3.Row:
    return _only(await store.rows(*one_run(run_id)))


def _only(rows: Sequence[sqlite3.Row]) -> sqlite3.Row:
    if not rows:
        raise RunNotFound
    return rows[0]


async def _gaps(store: Store, run_id: str) -> list[tuple[int, int]]:
    return [(row[0], row[1]) for row in await store.rows(_GAPS, (run_id, MOST_GAPS))]


def _summary(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "runtime_id": row["runtime_id"],
        "runtime_type": row["runtime_type"],
        "space_id": row["space_id"],
        "status": row["status"],
        "created_at": row["created_at"],
        "started_at": _started_at(row),
        "finished_at": row["finished_at"],
        "duration_seconds": _duration_seconds(row),
        "failure": _failure(row),
    }


def _compact(row: sqlite3.Row) -> RuntimeRun:
    return RuntimeRun(
        id=row["id"],
        created_at=row["created_at"],
        started_at=_started_at(row),
        finished_at=row["finished_at"],
        status=row["status"],
    )


def _started_at(row: sqlite3.Row) -> str:
    """A run that never got ready counts from its making: the contract knows no null here."""
    return str(row["started_at"] or row["created_at"])


def _duration_seconds(row: sqlite3.Row) -> float | None:
    if row["finished_at"] is None:
        return None
    return milliseconds_between(_started_at(row), row["finished_at"]) / 1000


def _failure(row: sqlite3.Row) -> Failure | None:
    if row["status"] != "failed":
        return None
    return Failure(code=row["end_code"], message=row["end_message"])


def _parked(row: sqlite3.Row) -> Failure | None:
    if row["parked_code"] is None:
        return None
    reason = (
        f"What happened from position {row['parked_at']} on is not shown: {row['parked_reason']}"
    )
    return Failure(code=row["parked_code"], message=reason)

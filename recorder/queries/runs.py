"""Runs, newest first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from recorder.queries.cursors import TimeKey, cursor, time_key
from recorder.queries.digests import DIGEST_SHOWN
from recorder.queries.files import count_of_run
from recorder.queries.pages import Conditions, page
from recorder.queries.spaces import space_id_of
from recorder.queries.usage import Found, queries_of_run, usage_of
from recorder.store import Query, Store
from schemas.problems import RunNotFound
from schemas.resources import Failure, Page, Run, RunCounts, RunSummary, RuntimeRun, Usage
from schemas.times import milliseconds_between
from schemas.usage import RateCard

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


# A run that seems open and has a digest is only what came late, after all before that had left.
RUN_SHOWN = f"""
(runs.finished_at IS NOT NULL
  OR NOT EXISTS (SELECT 1 FROM digests WHERE digests.id = runs.id AND {DIGEST_SHOWN}))
"""
_COLUMNS = """
id, runtime_id, runtime_type, space_id, status, created_at, started_at, finished_at, last_activity_at,
end_code, end_message, events, last_sequence, arrived, late, invocations,
tool_calls, wall, egress
"""
_RUNS = f"SELECT {_COLUMNS}, NULL AS missing, 0 AS gone FROM runs"
_DIGESTS = f"SELECT {_COLUMNS}, missing, 1 AS gone FROM digests"
_ONE = f"""
SELECT one.*, code AS parked_code, position AS parked_at, reason AS parked_reason FROM (
  {_RUNS} WHERE id = :id AND {RUN_SHOWN}
  UNION ALL {_DIGESTS} WHERE id = :id AND {DIGEST_SHOWN}
  ORDER BY gone LIMIT 1) AS one
LEFT JOIN quarantine INDEXED BY quarantine_parked
  ON stream = 'RUNS' AND owner = one.id AND NOT skipped
"""
_NOT_AMONG_RUNS = """
NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = digests.id AND runs.finished_at IS NOT NULL)
"""
_ON_THE_PAGE = """
created_at >= (SELECT CASE WHEN count(*) = ? THEN min(created_at) ELSE '' END FROM live)
"""
_NEWEST_FIRST = "ORDER BY created_at DESC, id DESC LIMIT ?"
# Whether it has ended may be among what waits.
NOT_PARKED = """
NOT EXISTS (SELECT 1 FROM quarantine INDEXED BY quarantine_parked
            WHERE stream = 'RUNS' AND owner = runs.id AND NOT skipped)
"""
OPEN = f"""
SELECT id, runtime_id, space_id FROM runs INDEXED BY runs_open
WHERE finished_at IS NULL AND {RUN_SHOWN} AND {NOT_PARKED}
"""


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


async def has_gone(store: Store, run_id: str) -> bool:
    """Whether only the digest of a run is left. Raises RunNotFound."""
    return bool(_only(await store.rows(*one_run(run_id)))["gone"])


def one_run(run_id: str) -> Query:
    """The query for one run."""
    return _ONE, {"id": run_id}


def summary(rows: Sequence[sqlite3.Row]) -> RunSummary:
    """What that query found, as lists show it. Raises RunNotFound."""
    return RunSummary(**_summary(_only(rows)))


def is_gone(rows: Sequence[sqlite3.Row]) -> bool:
    """Whether only the digest of that run is left."""
    return bool(rows and rows[0]["gone"])


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
    """Every run that has not ended, but for those that are parked."""
    return [OpenRun(**dict(row)) for row in await store.rows(OPEN)]


async def get_usage(store: Store, run_id: str, card: RateCard | None) -> Usage:
    """What one run took, and by the card what that costs. Raises RunNotFound."""
    rows, *found = await store.rows_of_each(one_run(run_id), *queries_of_run(run_id))
    _only(rows)
    return usage_of(Found(*found), card)


async def get_run(store: Store, run_id: str, card: RateCard | None = None) -> Run:
    """One run, with its counts, what is missing of it and what it took. Raises RunNotFound."""
    rows, [[files]], *found = await store.rows_of_each(
        one_run(run_id), count_of_run(run_id), *queries_of_run(run_id)
    )
    row = _only(rows)
    return Run(
        **_summary(row),
        counts=_counts(row, files),
        last_sequence=row["last_sequence"],
        missing=await _missing(store, row),
        late=row["late"],
        wall=row["wall"],
        egress=row["egress"],
        parked=_parked(row),
        usage=usage_of(Found(*found), card),
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
    key = time_key(LIST, after) if after is not None else None
    rows = await store.rows(*page_query(wanted, key, limit))
    return page(rows, limit, resource, lambda row: cursor(LIST, (row["created_at"], row["id"])))


def page_query(wanted: RunFilter, after: TimeKey | None, limit: int) -> Query:
    """The query for a page and one row more: runs, and digests of those that have gone, along the same keys.

    Of digests only those are looked at that could stand on the page.
    """
    more, only_open = limit + 1, set(wanted.status) == {"active"}
    shown = [RUN_SHOWN, "finished_at IS NULL"] if only_open else [RUN_SHOWN]
    runs = _conditions(wanted, after, shown)
    live = f"{_RUNS} {runs.where} {_NEWEST_FIRST}"
    if only_open:
        return live, (*runs.values, more)
    digests = _conditions(wanted, after, [DIGEST_SHOWN, _NOT_AMONG_RUNS])
    digests.add(_ON_THE_PAGE, more)
    gone = f"{_DIGESTS} {digests.where} {_NEWEST_FIRST}"
    return (
        f"WITH live AS MATERIALIZED ({live})"
        f" SELECT * FROM live UNION ALL SELECT * FROM ({gone}) {_NEWEST_FIRST}",
        (*runs.values, more, *digests.values, more, more),
    )


def _conditions(wanted: RunFilter, after: TimeKey | None, shown: Sequence[str]) -> Conditions:
    conditions = Conditions()
    if wanted.space_id is not None:
        conditions.add("space_id = ?", space_id_of(wanted.space_id))
    if wanted.runtime_id is not None:
        conditions.add("runtime_id = ?", wanted.runtime_id)
    conditions.one_of("status", wanted.status)
    if after is not None:
        conditions.add("(created_at, id) < (?, ?)", *after)
    for text in shown:
        conditions.add(text)
    return conditions


def _only(rows: Sequence[sqlite3.Row]) -> sqlite3.Row:
    if not rows:
        raise RunNotFound
    return rows[0]


async def _missing(store: Store, row: sqlite3.Row) -> list[tuple[int, int]]:
    if row["gone"]:
        return msgspec.json.decode(row["missing"], type=list[tuple[int, int]])
    if row["arrived"] == row["last_sequence"]:
        return []
    return await find_gaps(store, row["id"], MOST_GAPS)


async def find_gaps(store: Store, run_id: str, most: int) -> list[tuple[int, int]]:
    """The first gaps in the numbers of a run's worker, as [first, last]."""
    return [(row[0], row[1]) for row in await store.rows(_GAPS, (run_id, most))]


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


def _counts(row: sqlite3.Row, files: int) -> RunCounts:
    return RunCounts(
        events=row["events"],
        files=files,
        invocations=row["invocations"],
        tool_calls=row["tool_calls"],
    )


def _parked(row: sqlite3.Row) -> Failure | None:
    if row["parked_code"] is None:
        return None
    reason = (
        f"What happened from position {row['parked_at']} on is not shown: {row['parked_reason']}"
    )
    return Failure(code=row["parked_code"], message=reason)

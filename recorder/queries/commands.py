"""Commands of a run, in the order in which they were asked for; invocations are those that are hosted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct

from recorder.queries import runs
from recorder.queries.cursors import PlaceKey, cursor, place_key
from recorder.queries.pages import Conditions, page
from recorder.store import Query, Store
from schemas.problems import CommandNotFound, EventsGone, InvocationNotFound
from schemas.resources import Command, Invocation, InvocationError, Page, Progress
from schemas.times import milliseconds_between

T = TypeVar("T")

Order = Literal["asc", "desc"]
Part = Literal["request", "result", "error"]

HOSTED = "hosted"
# What is being given up still runs: the contract of commands has no word for it.
CANCELLING = "cancelling"

# What may be large is read where it is asked for.
_COLUMNS = """
run_id, epoch, position, id, runtime_id, sequence_no, entry_call, execution_mode, action, status,
created_at, started_at, finished_at, done, total, artifact_ids, result_artifact_id, error_code,
error_message
"""


class CommandFilter(Struct, frozen=True, kw_only=True):
    """Which commands; none of a kind: any. Statuses are those of the table."""

    status: Sequence[str] = ()
    execution_mode: str | None = None
    action: Sequence[str] = ()


async def list_commands(
    store: Store,
    run_id: str,
    wanted: CommandFilter,
    *,
    include: Collection[Part],
    after: str | None,
    limit: int,
    order: Order,
) -> Page[Command]:
    """A page of a run's commands. Raises CursorInvalid, RunNotFound, EventsGone."""
    query = page_query(run_id, wanted, _after(run_id, after), limit, order, include)
    return await _list(store, run_id, query, limit, lambda row: _command(row, include))


async def list_invocations(
    store: Store, run_id: str, wanted: CommandFilter, *, after: str | None, limit: int, order: Order
) -> Page[Invocation]:
    """A page of a run's invocations. Raises as `list_commands` does."""
    query = page_query(run_id, wanted, _after(run_id, after), limit, order, ("result", "error"))
    return await _list(store, run_id, query, limit, _invocation)


async def get_command(
    store: Store, run_id: str, command_id: str, include: Collection[Part]
) -> Command:
    """One command of a run. Raises RunNotFound, EventsGone, CommandNotFound."""
    row = await _of_run(store, run_id, command_id)
    if row is None:
        raise CommandNotFound
    return _command(row, include)


async def get_invocation_of_run(store: Store, run_id: str, invocation_id: str) -> Invocation:
    """One invocation of a run. Raises RunNotFound, EventsGone, InvocationNotFound."""
    row = await _of_run(store, run_id, invocation_id)
    if row is None or row["execution_mode"] != HOSTED:
        raise InvocationNotFound
    return _invocation(row)


async def find_invocation(store: Store, runtime_id: str, invocation_id: str) -> Invocation | None:
    """One invocation of a runtime, or None; of those with the same id in several runs the newest."""
    row = await store.find_row(*newest_invocation(runtime_id, invocation_id))
    return None if row is None else _invocation(row)


def newest_invocation(runtime_id: str, invocation_id: str) -> Query:
    """The query of one, with all of its parts."""
    sql = (
        "SELECT * FROM commands INDEXED BY commands_by_id"
        " WHERE id = ? AND runtime_id = ? AND execution_mode = ?"
        " ORDER BY epoch DESC, position DESC LIMIT 1"
    )
    return sql, (invocation_id, runtime_id, HOSTED)


def one_command(run_id: str, command_id: str) -> Query:
    """The query of one, with all of its parts."""
    return "SELECT * FROM commands WHERE id = ? AND run_id = ?", (command_id, run_id)


def page_query(
    run_id: str,
    wanted: CommandFilter,
    after: PlaceKey | None,
    limit: int,
    order: Order,
    parts: Collection[Part] = (),
) -> Query:
    """The query for a page and one row more: along the primary key, within the run."""
    conditions = Conditions()
    conditions.add("run_id = ?", run_id)
    conditions.one_of("status", wanted.status)
    conditions.one_of("action", wanted.action)
    if wanted.execution_mode is not None:
        conditions.add("execution_mode = ?", wanted.execution_mode)
    if after is not None:
        conditions.add(f"(epoch, position) {'>' if order == 'asc' else '<'} (?, ?)", *after)
    more = [name.replace("error", "error_details") for name in parts]
    sql = (
        f"SELECT {', '.join([_COLUMNS, *more])} FROM commands {conditions.where}"
        f" ORDER BY epoch {order}, position {order} LIMIT ?"
    )
    return sql, (*conditions.values, limit + 1)


async def _list(
    store: Store, run_id: str, query: Query, limit: int, resource: Callable[[sqlite3.Row], T]
) -> Page[T]:
    rows = await _beside_run(store, run_id, query)
    return page(
        rows, limit, resource, lambda row: cursor(_name(run_id), (row["epoch"], row["position"]))
    )


async def _of_run(store: Store, run_id: str, command_id: str) -> sqlite3.Row | None:
    rows = await _beside_run(store, run_id, one_command(run_id, command_id))
    return next(iter(rows), None)


async def _beside_run(store: Store, run_id: str, query: Query) -> list[sqlite3.Row]:
    run, rows = await store.rows_of_each(runs.one_run(run_id), query)
    runs.summary(run)
    if runs.is_gone(run):
        raise EventsGone
    return rows


def _after(run_id: str, text: str | None) -> PlaceKey | None:
    return None if text is None else place_key(_name(run_id), text)


def _name(run_id: str) -> str:
    return f"commands:{run_id}"


def _command(row: sqlite3.Row, include: Collection[Part]) -> Command:
    has_come_far = row["total"] is not None
    return Command(
        id=row["id"],
        run_id=row["run_id"],
        sequence_no=row["sequence_no"],
        entry_call=row["entry_call"],
        execution_mode=row["execution_mode"],
        status="running" if row["status"] == CANCELLING else row["status"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        duration_ms=_duration_ms(row),
        artifact_ids=_artifact_ids(row),
        action=row["action"] or UNSET,
        progress=Progress(done=row["done"], total=row["total"]) if has_come_far else UNSET,
        request=_raw(row["request"]) if "request" in include else UNSET,
        result=_raw(row["result"]) if "result" in include else UNSET,
        result_artifact_id=row["result_artifact_id"] or UNSET,
        error=_error(row) if "error" in include else UNSET,
    )


def _invocation(row: sqlite3.Row) -> Invocation:
    duration_ms = _duration_ms(row)
    return Invocation(
        id=row["id"],
        run_id=row["run_id"],
        runtime_id=row["runtime_id"],
        action=row["action"] or "",
        status=row["status"],
        output=UNSET if row["result"] is None else Raw(row["result"]),
        output_artifact_id=row["result_artifact_id"] or UNSET,
        artifact_ids=_artifact_ids(row),
        error=_error(row),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        duration_seconds=None if duration_ms is None else duration_ms / 1000,
        duration_ms=duration_ms,
    )


def _duration_ms(row: sqlite3.Row) -> int | None:
    """How long it ran, once it has ended; None where it never began."""
    if row["started_at"] is None or row["finished_at"] is None:
        return None
    return milliseconds_between(row["started_at"], row["finished_at"])


def _artifact_ids(row: sqlite3.Row) -> list[str]:
    return msgspec.json.decode(row["artifact_ids"], type=list[str])


def _raw(value: bytes | None) -> Raw:
    return Raw(b"null" if value is None else value)


def _error(row: sqlite3.Row) -> InvocationError | None:
    if row["error_code"] is None:
        return None
    details = row["error_details"]
    return InvocationError(
        code=row["error_code"],
        message=row["error_message"],
        details=None if details is None else msgspec.json.decode(details),
    )

"""Connections of a runtime, newest first."""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Literal

from recorder.queries.cursors import cursor, time_key
from recorder.queries.pages import Conditions, page
from recorder.store import Query, Store
from schemas.problems import ConnectionNotFound
from schemas.resources import Connection, Page
from schemas.times import rfc3339

LIST = "connections"

_SELECT = """
SELECT connections.*, run.id IS NULL OR run.finished_at IS NOT NULL AS run_ended, run.finished_at
FROM connections LEFT JOIN runs AS run ON run.id = connections.run_id
"""


def one_connection(runtime_id: str, connection_id: str) -> Query:
    """The query of one."""
    where = "WHERE connections.id = ? AND connections.runtime_id = ?"
    return f"{_SELECT} {where}", (connection_id, runtime_id)


async def get_connection(store: Store, runtime_id: str, connection_id: str) -> Connection:
    """One connection of a runtime, without its URL. Raises ConnectionNotFound."""
    sql, values = one_connection(runtime_id, connection_id)
    row = await store.find_row(sql, values)
    if row is None:
        raise ConnectionNotFound
    return _connection(row)


def page_query(runtime_id: str, after: str | None, limit: int) -> Query:
    """The query of a page. Raises CursorInvalid."""
    conditions = Conditions()
    conditions.add("connections.runtime_id = ?", runtime_id)
    if after is not None:
        key: tuple[Any, ...] = time_key(LIST, after)
        conditions.add("(connections.created_at, connections.id) < (?, ?)", *key)
    order = "ORDER BY connections.created_at DESC, connections.id DESC LIMIT ?"
    return f"{_SELECT} {conditions.where} {order}", (*conditions.values, limit + 1)


async def list_connections(
    store: Store, runtime_id: str, after: str | None, limit: int
) -> Page[Connection]:
    """A page of those of a runtime, also of earlier runs. Raises CursorInvalid."""
    rows = await store.rows(*page_query(runtime_id, after, limit))
    return page(rows, limit, _connection, lambda row: cursor(LIST, (row["created_at"], row["id"])))


def _connection(row: sqlite3.Row) -> Connection:
    return Connection(
        id=row["id"],
        runtime_id=row["runtime_id"],
        run_id=row["run_id"],
        protocol=row["protocol"],
        status=_status(row),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )


def _status(row: sqlite3.Row) -> Literal["active", "expired", "revoked", "ended"]:
    """What came first, except that what was revoked stays so."""
    if row["revoked_at"] is not None:
        return "revoked"
    if row["expires_at"] <= (row["finished_at"] or rfc3339(time.time_ns())):
        return "expired"
    return "ended" if row["run_ended"] else "active"

"""API keys, newest first; and what has changed of them, for those who hold them in memory."""

from __future__ import annotations

import sqlite3
import time
from typing import Literal

from recorder.keys.key import EVERY_SCOPE, Key
from recorder.queries.cursors import cursor, time_key
from recorder.queries.events import Place
from recorder.queries.pages import Conditions, page
from recorder.store import Query, Store
from schemas.events.key import Scope
from schemas.ids import FIRST_KEY_ID
from schemas.problems import ApiKeyNotFound
from schemas.resources import ApiKey, Page
from schemas.times import milliseconds, rfc3339

LIST = "api_keys"
FIRST_KEY_NAME = "first key (a setting)"
LONG_AGO = 0.0

_CHANGED = """
SELECT * FROM api_keys WHERE (epoch, position) > (?, ?) ORDER BY epoch, position
"""


async def changed_keys(store: Store, after: Place) -> tuple[list[tuple[str, Key]], Place]:
    """Keys by their hash of which something was said after a place, and the place of the last of that."""
    rows = await store.rows(_CHANGED, after)
    last = Place(rows[-1]["epoch"], rows[-1]["position"]) if rows else after
    return [(row["hash"], _key(row)) for row in rows], last


async def get_key(store: Store, key_id: str) -> ApiKey:
    """One key. Raises ApiKeyNotFound."""
    if key_id == FIRST_KEY_ID:
        return _first_key()
    row = await store.find_row("SELECT * FROM api_keys WHERE id = ?", (key_id,))
    if row is None:
        raise ApiKeyNotFound
    return _resource(row)


async def find_made_until(store: Store, key_id: str) -> str | None:
    """When a key was to end when it was made; None: never."""
    row = await store.find_row("SELECT made_until FROM api_keys WHERE id = ?", (key_id,))
    return None if row is None else row["made_until"]


async def list_keys(
    store: Store, after: str | None, limit: int, space_id: str | None = None
) -> Page[ApiKey]:
    """A page of all keys but the first, also of those that open nothing any more. Raises CursorInvalid."""
    rows = await store.rows(*page_query(after, limit, space_id))
    return page(rows, limit, _resource, lambda row: cursor(LIST, (row["created_at"], row["id"])))


def page_query(after: str | None, limit: int, space_id: str | None) -> Query:
    """The query for a page. Raises CursorInvalid."""
    conditions = Conditions()
    if space_id is not None:
        conditions.add("space_id = ?", space_id)
    if after is not None:
        conditions.add("(created_at, id) < (?, ?)", *time_key(LIST, after))
    order = "ORDER BY created_at DESC, id DESC LIMIT ?"
    return f"SELECT * FROM api_keys {conditions.where} {order}", (*conditions.values, limit + 1)


def _key(row: sqlite3.Row) -> Key:
    return Key(
        id=row["id"],
        scopes=frozenset(_scopes(row)),
        space_id=row["space_id"],
        expires_at=None if row["expires_at"] is None else _seconds(row["expires_at"]),
        revoked=row["revoked_at"] is not None,
    )


def _seconds(text: str) -> float:
    """Seconds since 1970. What is no time opens nothing."""
    try:
        return milliseconds(text) / 1000
    except (ValueError, OverflowError):
        return LONG_AGO


def _resource(row: sqlite3.Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        space_id=row["space_id"],
        scopes=_scopes(row),
        status=_status(row),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        rotates=row["rotates"],
    )


def _first_key() -> ApiKey:
    return ApiKey(
        id=FIRST_KEY_ID,
        name=FIRST_KEY_NAME,
        space_id=None,
        scopes=sorted(EVERY_SCOPE),
        status="active",
        created_at=None,
        expires_at=None,
        revoked_at=None,
        rotates=None,
    )


def _scopes(row: sqlite3.Row) -> list[Scope]:
    """Those that this recorder knows."""
    given = row["scopes"].split()
    return [scope for scope in sorted(EVERY_SCOPE) if scope in given]


def _status(row: sqlite3.Row) -> Literal["active", "expired", "revoked"]:
    if row["revoked_at"] is not None:
        return "revoked"
    expires_at = row["expires_at"]
    is_over = expires_at is not None and expires_at <= rfc3339(time.time_ns())
    return "expired" if is_over else "active"

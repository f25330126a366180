"""Spaces, oldest first."""

from __future__ import annotations

import sqlite3

import msgspec

from recorder.queries.cursors import cursor, time_key
from recorder.queries.pages import Conditions, page
from recorder.store import Store
from schemas.ids import DEFAULT_SPACE_ALIAS, DEFAULT_SPACE_ID
from schemas.problems import SpaceNotFound
from schemas.resources import Egress, Page, Space

LIST = "spaces"

_ONE = "SELECT * FROM spaces WHERE id = ? AND deleted_at IS NULL"


def space_id_of(given: str) -> str:
    """The id that is meant: `default` names the default space wherever a space id is taken."""
    return DEFAULT_SPACE_ID if given == DEFAULT_SPACE_ALIAS else given


async def get_space(store: Store, space_id: str) -> Space:
    """One space. Raises SpaceNotFound."""
    row = await store.find_row(_ONE, (space_id_of(space_id),))
    if row is None:
        raise SpaceNotFound
    return _space(row)


async def list_spaces(store: Store, after: str | None, limit: int) -> Page[Space]:
    """A page of all spaces. Raises CursorInvalid."""
    conditions = Conditions(["deleted_at IS NULL"])
    if after is not None:
        conditions.add("(created_at, id) > (?, ?)", *time_key(LIST, after))
    rows = await store.rows(
        f"SELECT * FROM spaces {conditions.where} ORDER BY created_at, id LIMIT ?",
        (*conditions.values, limit + 1),
    )
    return page(rows, limit, _space, lambda row: cursor(LIST, (row["created_at"], row["id"])))


def _space(row: sqlite3.Row) -> Space:
    return Space(
        id=row["id"],
        name=row["name"],
        egress=Egress(allow=msgspec.json.decode(row["egress_allow"], type=list[str])),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )

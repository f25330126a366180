"""Runtimes, newest first, with their runs: active while one is, failed when the newest failed."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct

from recorder.queries.cursors import cursor, time_key
from recorder.queries.pages import Conditions, page
from recorder.queries.runs import DIGEST_SHOWN, RUN_SHOWN
from recorder.queries.spaces import space_id_of
from recorder.runtime_configs import shown
from recorder.store import Store
from schemas.problems import RuntimeNotFound
from schemas.resources import Page, Runtime
from schemas.runtime_config import RuntimeConfig
from schemas.tokens import connect_url
from schemas.types import Metadata

LIST = "runtimes"

_SELECT = f"""
SELECT runtimes.*, run.id AS run_id, run.gateway_url,
       coalesce(run.last_activity_at, digest.last_activity_at) AS last_activity_at,
       coalesce(run.status, digest.status, 'stopped') AS status
FROM runtimes
LEFT JOIN runs AS run ON run.id = (
  SELECT id FROM runs WHERE runtime_id = runtimes.id AND {RUN_SHOWN}
  ORDER BY status = 'active' DESC, created_at DESC, id DESC LIMIT 1)
LEFT JOIN digests AS digest ON run.id IS NULL AND digest.id = (
  SELECT id FROM digests WHERE runtime_id = runtimes.id AND {DIGEST_SHOWN}
  ORDER BY created_at DESC, id DESC LIMIT 1)
"""


class RuntimeFilter(Struct, frozen=True):
    """Which runtimes; none of a kind: any."""

    space_id: str | None = None
    status: Sequence[str] = ()


async def get_runtime(store: Store, runtime_id: str, secret: str) -> Runtime:
    """One runtime; `secret` signs its connectUrl. Raises RuntimeNotFound."""
    row = await store.find_row(f"{_SELECT} WHERE runtimes.id = ?", (runtime_id,))
    if row is None:
        raise RuntimeNotFound
    return _runtime(row, secret)


async def find_config(store: Store, runtime_id: str) -> RuntimeConfig:
    """How a runtime is set up, as its worker must know it. Raises RuntimeNotFound."""
    row = await store.find_row("SELECT config FROM runtimes WHERE id = ?", (runtime_id,))
    if row is None:
        raise RuntimeNotFound
    return msgspec.json.decode(row["config"], type=RuntimeConfig)


async def list_runtimes(
    store: Store, wanted: RuntimeFilter, after: str | None, limit: int, secret: str
) -> Page[Runtime]:
    """A page of runtimes. Raises CursorInvalid."""
    conditions = Conditions()
    if wanted.space_id is not None:
        conditions.add("runtimes.space_id = ?", space_id_of(wanted.space_id))
    conditions.one_of("coalesce(run.status, digest.status, 'stopped')", wanted.status)
    if after is not None:
        conditions.add("(runtimes.created_at, runtimes.id) < (?, ?)", *time_key(LIST, after))
    rows = await store.rows(
        f"{_SELECT} {conditions.where} ORDER BY runtimes.created_at DESC, runtimes.id DESC LIMIT ?",
        (*conditions.values, limit + 1),
    )
    return page(
        rows,
        limit,
        lambda row: _runtime(row, secret),
        lambda row: cursor(LIST, (row["created_at"], row["id"])),
    )


def _runtime(row: sqlite3.Row, secret: str) -> Runtime:
    active = row["status"] == "active"
    gateway_url = row["gateway_url"] if active else None
    return Runtime(
        id=row["id"],
        space_id=row["space_id"],
        name=row["name"],
        type=row["type"],
        status=row["status"],
        active_run_id=row["run_id"] if active else None,
        profile=row["profile"],
        config=shown(row["config"]),
        metadata=msgspec.json.decode(row["metadata"], type=Metadata),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_activity_at=row["last_activity_at"] or UNSET,
        connect_url=connect_url(gateway_url, secret, row["run_id"]) if gateway_url else UNSET,
        protocol="cdp" if gateway_url else UNSET,
    )

"""Runtimes, newest first, with their runs: active while one is, failed when the newest failed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import UNSET, Struct, field

from recorder.queries.cursors import TimeKey, cursor, time_key
from recorder.queries.digests import DIGEST_SHOWN
from recorder.queries.pages import Conditions, page
from recorder.queries.runs import OPEN, RUN_SHOWN
from recorder.queries.spaces import space_id_of
from recorder.store import Query, Store
from schemas.problems import RuntimeNotFound
from schemas.resources import Page, Runtime
from schemas.runtime_config import ConfigFields, RuntimeConfig, ShownConfig
from schemas.types import Metadata

LIST = "runtimes"

# From a gateway's URL and a run's id the URL for whoever asks; None where they may not drive it.
ConnectUrl = Callable[[str, str], str]

_THERE = "runtimes.deleted_at IS NULL"
_STATUS = "coalesce(run.status, digest.status, 'stopped')"
_SELECT = f"""
SELECT runtimes.*, run.id AS run_id, run.gateway_url,
       coalesce(run.last_activity_at, digest.last_activity_at) AS last_activity_at,
       {_STATUS} AS status
"""
_RUNS = f"""
LEFT JOIN runs AS run ON run.id = (
  SELECT id FROM runs WHERE runtime_id = runtimes.id AND {RUN_SHOWN}
  ORDER BY status = 'active' DESC, created_at DESC, id DESC LIMIT 1)
LEFT JOIN digests AS digest ON run.id IS NULL AND digest.id = (
  SELECT id FROM digests WHERE runtime_id = runtimes.id AND {DIGEST_SHOWN}
  ORDER BY created_at DESC, id DESC LIMIT 1)
"""
_BY_VALUE = """
runtime_metadata AS found INDEXED BY runtime_metadata_by_value
CROSS JOIN runtimes ON runtimes.id = found.runtime_id
"""
_HAS = """
EXISTS (SELECT 1 FROM runtime_metadata AS other
        WHERE other.runtime_id = runtimes.id AND other.field = ? AND other.value = ?)
"""
DELETED_BUT_ACTIVE = f"""
SELECT open.runtime_id FROM ({OPEN}) AS open
CROSS JOIN runtimes ON runtimes.id = open.runtime_id AND runtimes.deleted_at IS NOT NULL
"""


class RuntimeFilter(Struct, frozen=True):
    """Which runtimes; none of a kind: any. `metadata` are values as text, all of which must be there."""

    space_id: str | None = None
    status: Sequence[str] = ()
    name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Setup(Struct, frozen=True):
    """`config` as CONTROL keeps it; `profile` names what is kept, None: nothing. `egress_allow` is its space's."""

    config: RuntimeConfig
    profile: str | None
    egress_allow: list[str]


async def get_runtime(
    store: Store, runtime_id: str, connect_url: ConnectUrl | None = None
) -> Runtime:
    """One runtime, with its connectUrl where that can be made. Raises RuntimeNotFound."""
    row = await store.find_row(*one_runtime(runtime_id))
    if row is None:
        raise RuntimeNotFound
    return _runtime(row, connect_url)


def one_runtime(runtime_id: str) -> Query:
    """The query for one runtime."""
    return f"{_SELECT} FROM runtimes {_RUNS} WHERE runtimes.id = ? AND {_THERE}", (runtime_id,)


async def get_setup(store: Store, runtime_id: str) -> Setup:
    """How a runtime is set up, as its worker must know it. Raises RuntimeNotFound."""
    sql = f"""
    SELECT profile, config, (SELECT egress_allow FROM spaces WHERE id = space_id) AS egress_allow
    FROM runtimes WHERE id = ? AND {_THERE}
    """
    row = await store.find_row(sql, (runtime_id,))
    if row is None:
        raise RuntimeNotFound
    config = msgspec.json.decode(row["config"], type=RuntimeConfig)
    profile = profile_of(runtime_id, row["profile"], config)
    allow = msgspec.json.decode(row["egress_allow"] or "[]", type=list[str])
    return Setup(config, profile, allow)


async def find_kept_metadata(store: Store, runtime_id: str) -> dict[str, str]:
    """What digests keep of a runtime's metadata, the last it had where it is deleted; nothing of an unknown one."""
    row = await store.find_row("SELECT kept_metadata FROM runtimes WHERE id = ?", (runtime_id,))
    return msgspec.json.decode(row["kept_metadata"], type=dict[str, str]) if row is not None else {}


async def is_space_empty(store: Store, space_id: str) -> bool:
    """Whether a space has no runtime."""
    return await store.find_row(*any_in_space(space_id)) is None


def any_in_space(space_id: str) -> Query:
    """The query for a runtime of a space."""
    return f"SELECT 1 FROM runtimes WHERE space_id = ? AND {_THERE} LIMIT 1", (space_id,)


async def list_deleted_but_active(store: Store) -> list[str]:
    """Runtimes that were deleted while a run of theirs was about to start."""
    return [row["runtime_id"] for row in await store.rows(DELETED_BUT_ACTIVE)]


async def list_runtimes(
    store: Store,
    wanted: RuntimeFilter,
    after: str | None,
    limit: int,
    connect_url: ConnectUrl | None = None,
) -> Page[Runtime]:
    """A page of runtimes. Raises CursorInvalid."""
    place = None if after is None else time_key(LIST, after)
    return page(
        await store.rows(*page_query(wanted, place, limit)),
        limit,
        lambda row: _runtime(row, connect_url),
        lambda row: cursor(LIST, (row["created_at"], row["id"])),
    )


def page_query(wanted: RuntimeFilter, after: TimeKey | None, limit: int) -> Query:
    """The query for a page: along one index, in the order of the list."""
    conditions = Conditions()
    source, created_at, runtime_id = _source(wanted, conditions)
    conditions.add(_THERE)
    if wanted.space_id is not None:
        conditions.add("runtimes.space_id = ?", space_id_of(wanted.space_id))
    if wanted.name is not None:
        conditions.add("runtimes.name = ?", wanted.name)
    conditions.one_of(_STATUS, wanted.status)
    if after is not None:
        conditions.add(f"({created_at}, {runtime_id}) < (?, ?)", *after)
    return (
        f"{_SELECT} FROM {source} {_RUNS} {conditions.where}"
        f" ORDER BY {created_at} DESC, {runtime_id} DESC LIMIT ?",
        (*conditions.values, limit + 1),
    )


def _source(wanted: RuntimeFilter, conditions: Conditions) -> tuple[str, str, str]:
    """What is gone through, and the columns that hold its order. SQLite alone would choose by guess."""
    by_value = iter(wanted.metadata.items())
    if first := next(by_value, None):
        conditions.add("found.field = ? AND found.value = ?", *first)
        for name, value in by_value:
            conditions.add(_HAS, name, value)
        return _BY_VALUE, "found.created_at", "found.runtime_id"
    if wanted.name is not None:
        index = "runtimes_by_name"
    else:
        index = "runtimes_by_time" if wanted.space_id is None else "runtimes_by_space"
    return f"runtimes INDEXED BY {index}", "runtimes.created_at", "runtimes.id"


def profile_of(runtime_id: str, name: str | None, config: ConfigFields) -> str | None:
    """The name of what a runtime keeps, within its space; one that names none has its own."""
    if config.profile is UNSET:
        return name
    return (name or runtime_id) if config.profile else None


def _runtime(row: sqlite3.Row, connect_url: ConnectUrl | None) -> Runtime:
    active = row["status"] == "active"
    gateway_url = row["gateway_url"] if active else None
    url = connect_url(gateway_url, row["run_id"]) if gateway_url and connect_url else UNSET
    config = msgspec.json.decode(row["config"], type=ShownConfig)
    return Runtime(
        id=row["id"],
        space_id=row["space_id"],
        name=row["name"],
        type=row["type"],
        status=row["status"],
        active_run_id=row["run_id"] if active else None,
        profile=profile_of(row["id"], row["profile"], config),
        config=config,
        metadata=msgspec.json.decode(row["metadata"], type=Metadata),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_activity_at=row["last_activity_at"] or UNSET,
        connect_url=url,
        protocol="cdp" if url else UNSET,
    )

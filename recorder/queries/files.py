"""Files, newest first: those that are kept, and what runs have produced that is not filed yet.

An artifact is a file with the same id from the moment that its run tells of it; once it is filed, the row of
`files` is shown, which says the same and stays when the run has left.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeVar

from msgspec import UNSET, Struct, structs

from recorder.queries.cursors import TimeKey, cursor, time_key
from recorder.queries.pages import Conditions, page
from recorder.queries.spaces import space_id_of
from recorder.store import Query, Store
from schemas.problems import FileNotFound
from schemas.resources import File, Page

T = TypeVar("T")

LIST = "files"

COLUMNS = """
id, space_id, run_id, runtime_id, kind, name, path, content_type, size_bytes, sha256, created_at
"""
_NEWEST_FIRST = "ORDER BY created_at DESC, id DESC"
LOOKED_AT = 10_000  # rows of an index for one page: some 0.1 s
_ONE = f"""
SELECT {COLUMNS} FROM files WHERE id = :id
UNION ALL SELECT {COLUMNS} FROM artifacts INDEXED BY artifacts_by_id WHERE id = :id LIMIT 1
"""
_OF_RUN = """
SELECT (SELECT count(*) FROM files WHERE run_id = :id)
     + (SELECT count(*) FROM artifacts
        WHERE run_id = :id AND NOT EXISTS (SELECT 1 FROM files WHERE files.id = artifacts.id))
"""


class FileFilter(Struct, frozen=True):
    """Which files; none of a kind: any. `text` is looked for in name and path, `created_after` is RFC 3339."""

    run_id: str | None = None
    runtime_id: str | None = None
    space_id: str | None = None
    path: str | None = None
    prefix: str | None = None
    text: str | None = None
    created_after: str | None = None
    type: Sequence[str] = ()
    source: Literal["upload", "runtime"] | None = None

    @property
    def given(self) -> set[str]:
        """Names of those that choose, without the time: that is in every index."""
        return {name for name in _FILTERS if getattr(self, name) not in (None, (), [])}


_FILTERS = ("run_id", "path", "runtime_id", "source", "space_id", "type", "prefix", "text")


def one_file(file_id: str) -> Query:
    """The query for one."""
    return _ONE, {"id": file_id}


async def get_file(store: Store, file_id: str, base_url: str) -> File:
    """One file. Raises FileNotFound."""
    row = await store.find_row(*one_file(file_id))
    if row is None:
        raise FileNotFound
    return _file(row, base_url)


def count_of_run(run_id: str) -> Query:
    """The query for how many files a run has; one row with that number."""
    return _OF_RUN, {"id": run_id}


async def list_files(
    store: Store, wanted: FileFilter, after: str | None, limit: int, base_url: str
) -> Page[File]:
    """A page of files. Raises CursorInvalid."""
    return await list_rows(store, wanted, after, limit, lambda row: _file(row, base_url))


async def list_rows(
    store: Store,
    wanted: FileFilter,
    after: str | None,
    limit: int,
    resource: Callable[[sqlite3.Row], T],
) -> Page[T]:
    """A page of files, as whatever they are shown. Raises CursorInvalid.

    Where no index leads to what is wanted, a page looks at so many of the newest and goes on by its cursor, so it
    may have fewer than `limit`, or none.
    """
    name = LIST if wanted.run_id is None else f"{LIST}/{wanted.run_id}"
    key = time_key(name, after) if after is not None else None
    floor = await _floor(store, wanted, key)
    rows = await store.rows(*page_query(wanted, key, limit, floor))
    found = page(rows, limit, resource, lambda row: cursor(name, (row["created_at"], row["id"])))
    if floor is not None and found.next_cursor is None:
        return structs.replace(found, next_cursor=cursor(name, floor))
    return found


async def _floor(store: Store, wanted: FileFilter, after: TimeKey | None) -> TimeKey | None:
    """The oldest key that a page looks at; None: there is no need for one."""
    if not wanted.given - {*_way(wanted).by}:
        return None
    keys = [(row["created_at"], row["id"]) for row in await store.rows(*floor_query(wanted, after))]
    return max(keys, default=None)


def floor_query(wanted: FileFilter, after: TimeKey | None) -> Query:
    """The query for how far a page looks along each index that it reads."""
    parts = []
    for table, way, kind in _readings(wanted):
        conditions = _conditions(wanted, way.by, kind, after)
        select = _select("created_at, id", table, way, conditions, "LIMIT 1 OFFSET ?")
        parts.append((select, (*conditions.values, LOOKED_AT - 1)))
    return _all(parts)


def page_query(
    wanted: FileFilter, after: TimeKey | None, limit: int, floor: TimeKey | None = None
) -> Query:
    """The query for a page and one row more: as many of each table along the same keys, each file once.

    What is in both has one key in both, so that it is among the first of `files` where it stands on the page.
    """
    more = limit + 1
    parts: dict[str, list[tuple[str, Sequence[object]]]] = {"files": [], "artifacts": []}
    for table, way, kind in _readings(wanted):
        conditions = _conditions(wanted, (*way.by, *sorted(wanted.given - {*way.by})), kind, after)
        if floor is not None:
            conditions.add("(created_at, id) >= (?, ?)", *floor)
        select = _select(COLUMNS, table, way, conditions, "LIMIT ?")
        parts[table].append((select, (*conditions.values, more)))
    filed, of_filed = _all(parts["files"])
    produced, of_produced = _all(parts["artifacts"])
    return (
        f"WITH filed AS MATERIALIZED ({filed}), produced AS MATERIALIZED ({produced})"
        " SELECT * FROM filed UNION ALL SELECT * FROM produced"
        f" WHERE id NOT IN (SELECT id FROM filed) {_NEWEST_FIRST} LIMIT ?",
        (*of_filed, *of_produced, more),
    )


class _Way(NamedTuple):
    """An index of each table, and the filters that it answers."""

    name: str
    by: tuple[str, ...]


_WAYS = (  # that which leads to the fewest rows first
    _Way("by_run", ("run_id",)),
    _Way("by_path", ("path",)),
    _Way("by_runtime", ("runtime_id",)),
    _Way("by_space_kind", ("space_id", "type")),
    _Way("by_kind", ("type",)),
    _Way("by_space", ("space_id",)),
    _Way("by_time", ()),
)
_UPLOADS = _Way("by_run", ("source",))


def _way(wanted: FileFilter) -> _Way:
    first = next(way for way in _WAYS if wanted.given.issuperset(way.by))
    return _UPLOADS if wanted.source == "upload" and first.by[:1] != ("path",) else first


def _readings(wanted: FileFilter) -> Iterator[tuple[str, _Way, str | None]]:
    """Which table along which index: each kind for itself where it is part of that, for so they are in order."""
    way = _way(wanted)
    for table in ("files", "artifacts"):
        for kind in dict.fromkeys(wanted.type) if "type" in way.by else (None,):
            yield table, way, kind


def _select(columns: str, table: str, way: _Way, conditions: Conditions, limit: str) -> str:
    indexed = f"{table} INDEXED BY {table}_{way.name}"
    if table == "artifacts" and way is _UPLOADS:
        indexed = f"(SELECT * FROM {table} WHERE 0)"
    return f"SELECT {columns} FROM {indexed} {conditions.where} {_NEWEST_FIRST} {limit}"


def _all(parts: Sequence[tuple[str, Sequence[object]]]) -> Query:
    text = " UNION ALL ".join(f"SELECT * FROM ({select})" for select, _ in parts)
    return text, [value for _, values in parts for value in values]


def _conditions(
    wanted: FileFilter, filters: Sequence[str], kind: str | None, after: TimeKey | None
) -> Conditions:
    conditions = Conditions()
    for name in filters:
        _add(conditions, wanted, name, kind)
    if after is not None:
        conditions.add("(created_at, id) < (?, ?)", *after)
    if wanted.created_after is not None:
        conditions.add("created_at > ?", wanted.created_after)
    return conditions


def _add(conditions: Conditions, wanted: FileFilter, name: str, kind: str | None) -> None:
    match name:
        case "space_id":
            conditions.add("space_id = ?", space_id_of(str(wanted.space_id)))
        case "source":
            conditions.add(f"run_id IS {'NULL' if wanted.source == 'upload' else 'NOT NULL'}")
        case "type":
            conditions.one_of("kind", wanted.type if kind is None else [kind])
        case "prefix":
            prefix = str(wanted.prefix)
            conditions.add("substr(path, 1, ?) = ?", len(prefix), prefix)
        case "text":
            text = _lower(str(wanted.text))
            conditions.add("(instr(lower(name), ?) OR instr(lower(path), ?))", text, text)
        case _:
            conditions.add(f"{name} = ?", getattr(wanted, name))


def _lower(text: str) -> str:
    """As SQLite does it: ASCII only."""
    return "".join(each.lower() if each.isascii() else each for each in text)


def _file(row: sqlite3.Row, base_url: str) -> File:
    return File(
        id=row["id"],
        space_id=row["space_id"],
        name=row["name"],
        path=row["path"],
        content_type=row["content_type"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        source="upload" if row["run_id"] is None else "runtime",
        download_url=download_url(row, base_url),
        metadata={},
        created_at=row["created_at"],
        type=row["kind"] or UNSET,
        run_id=row["run_id"] or UNSET,
        runtime_id=row["runtime_id"] or UNSET,
    )


def download_url(row: sqlite3.Row, base_url: str) -> str:
    """Where the content is; it needs the key."""
    return f"{base_url}/v1/files/{row['id']}/content"

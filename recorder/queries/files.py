"""Files, newest first: those that are kept, and what runs have produced that is not filed yet.

An artifact is a file with the same id from the moment that its run tells of it; once it is filed, the row of
`files` is shown, which says the same and stays when the run has left.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from msgspec import UNSET, Struct

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
_NEWEST_FIRST = "ORDER BY created_at DESC, id DESC LIMIT ?"
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
    """A page of files, as whatever they are shown. Raises CursorInvalid."""
    name = LIST if wanted.run_id is None else f"{LIST}/{wanted.run_id}"
    key = time_key(name, after) if after is not None else None
    rows = await store.rows(*page_query(wanted, key, limit))
    return page(rows, limit, resource, lambda row: cursor(name, (row["created_at"], row["id"])))


def page_query(wanted: FileFilter, after: TimeKey | None, limit: int) -> Query:
    """The query for a page and one row more: as many of each table along the same keys, each file once.

    What is in both has one key in both, so that it is among the first of `files` where it stands on the page.
    """
    more, index = limit + 1, _index(wanted)
    filed, produced = _conditions(wanted, after), _conditions(wanted, after)
    if wanted.source == "upload":
        filed.add("run_id IS NULL")
        produced.add("0")
    elif wanted.source == "runtime":
        filed.add("run_id IS NOT NULL")
    return (
        f"WITH filed AS MATERIALIZED ({_select('files', index, filed)}),"
        f" produced AS MATERIALIZED ({_select('artifacts', index, produced)})"
        " SELECT * FROM filed UNION ALL SELECT * FROM produced"
        f" WHERE id NOT IN (SELECT id FROM filed) {_NEWEST_FIRST}",
        (*filed.values, more, *produced.values, more, more),
    )


def _select(table: str, index: str, conditions: Conditions) -> str:
    return f"SELECT {COLUMNS} FROM {table} INDEXED BY {table}_{index} {conditions.where} {_NEWEST_FIRST}"


def _index(wanted: FileFilter) -> str:
    """The one that leads to the fewest rows."""
    if wanted.run_id is not None:
        return "by_run"
    if wanted.path is not None:
        return "by_path"
    if wanted.runtime_id is not None:
        return "by_runtime"
    return "by_time" if wanted.space_id is None else "by_space"


def _conditions(wanted: FileFilter, after: TimeKey | None) -> Conditions:
    conditions = Conditions()
    for column in ("run_id", "runtime_id", "path"):
        if (value := getattr(wanted, column)) is not None:
            conditions.add(f"{column} = ?", value)
    if wanted.space_id is not None:
        conditions.add("space_id = ?", space_id_of(wanted.space_id))
    if after is not None:
        conditions.add("(created_at, id) < (?, ?)", *after)
    if wanted.created_after is not None:
        conditions.add("created_at > ?", wanted.created_after)
    conditions.one_of("kind", wanted.type)
    if wanted.prefix is not None:
        conditions.add("substr(path, 1, ?) = ?", len(wanted.prefix), wanted.prefix)
    if wanted.text is not None:
        conditions.add(
            "(instr(lower(name), ?) OR instr(lower(path), ?))", *[_lower(wanted.text)] * 2
        )
    return conditions


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

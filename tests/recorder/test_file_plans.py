"""How SQLite reads a page of files: along one index of each table, and what is sorted is those two pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from recorder import filing, retention
from recorder.projections import PROJECTIONS
from recorder.queries import files
from recorder.queries.files import FileFilter
from recorder.store import Store, open_store

OTHERS: dict[str, Any] = {"prefix": "p", "text": "t", "source": "runtime"}


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with open_store(tmp_path_factory.mktemp("plans") / "x.db", PROJECTIONS) as store:
        yield store


async def plan(store: Store, sql: str, values: Any) -> list[str]:
    return [row["detail"] for row in await store.rows(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize("others", [{}, OTHERS], ids=["alone", "with other filters"])
@pytest.mark.parametrize("after", [None, ("2026", "x")], ids=["from the newest", "after a cursor"])
@pytest.mark.parametrize(
    ("by", "index"),
    [
        ({}, "by_time"),
        ({"space_id": "s"}, "by_space (space_id=?"),
        ({"runtime_id": "t"}, "by_runtime (runtime_id=?"),
        ({"run_id": "r"}, "by_run (run_id=?"),
        ({"path": "p"}, "by_path (path=?"),
        ({"space_id": "s", "runtime_id": "t", "run_id": "r", "path": "p"}, "by_run (run_id=?"),
        ({"space_id": "s", "runtime_id": "t"}, "by_runtime (runtime_id=?"),
        ({"run_id": "r", "type": ["pdf", "report"]}, "by_run (run_id=?"),
        ({"type": ["pdf"]}, "by_kind (kind=?"),
        ({"type": ["pdf"], "space_id": "s"}, "by_space_kind (space_id=? AND kind=?"),
    ],
)
async def test_page(
    store: Store,
    by: dict[str, Any],
    index: str,
    after: tuple[str, str] | None,
    others: dict[str, Any],
) -> None:
    name, _, equal = index.partition(" (")
    keys = [equal] if equal else []
    if after:
        keys.append("(created_at,id)<(?,?)")
    steps = await plan(store, *files.page_query(FileFilter(**by, **others), after, 50))
    how = f"({' AND '.join(keys)})" if keys else ""
    verb = "SEARCH" if keys else "SCAN"
    for table in ("files", "artifacts"):
        assert f"{verb} {table} USING INDEX {table}_{name} {how}".rstrip() in steps
    read = [step for step in steps if "INDEX" in step and "LIST SUBQUERY" not in step]
    assert len(read) == 2, steps
    assert {step for step in steps if step.startswith("SCAN")} - set(read) == {
        "SCAN filed",
        "SCAN produced",
    }
    assert steps.count("USE TEMP B-TREE FOR ORDER BY") == 2, steps


async def test_page_of_several_kinds(store: Store) -> None:
    """Each for itself, for along the index they are in order one by one."""
    wanted = FileFilter(type=["pdf", "report", "pdf"])
    steps = await plan(store, *files.page_query(wanted, None, 50))
    for table in ("files", "artifacts"):
        assert steps.count(f"SEARCH {table} USING INDEX {table}_by_kind (kind=?)") == 2


@pytest.mark.parametrize("others", [{}, OTHERS], ids=["alone", "with other filters"])
async def test_page_of_uploads(store: Store, others: dict[str, Any]) -> None:
    wanted = FileFilter(**(others | {"source": "upload"}))
    steps = await plan(store, *files.page_query(wanted, None, 50))
    assert "SEARCH files USING INDEX files_by_run (run_id=?)" in steps


async def test_how_far_a_page_looks(store: Store) -> None:
    steps = await plan(store, *files.floor_query(FileFilter(**OTHERS), ("2026", "x")))
    for table in ("files", "artifacts"):
        assert (
            f"SEARCH {table} USING COVERING INDEX {table}_by_time ((created_at,id)<(?,?))" in steps
        )


async def test_one(store: Store) -> None:
    assert [step for step in await plan(store, *files.one_file("f")) if "SEARCH" in step] == [
        "SEARCH files USING PRIMARY KEY (id=?)",
        "SEARCH artifacts USING INDEX artifacts_by_id (id=?)",
    ]


async def test_how_many(store: Store) -> None:
    steps = await plan(store, *files.count_of_run("r"))
    assert [step for step in steps if step.startswith(("SEARCH", "SCAN f", "SCAN a"))] == [
        "SEARCH files USING COVERING INDEX files_by_run (run_id=?)",
        "SEARCH artifacts USING COVERING INDEX artifacts_by_run (run_id=?)",
        "SEARCH files USING PRIMARY KEY (id=?)",
    ]


async def test_what_is_to_be_filed(store: Store) -> None:
    [newest] = await plan(store, filing.NEWEST, ())
    assert newest == "SCAN artifacts USING COVERING INDEX artifacts_by_place"
    steps = await plan(store, filing.NOT_FILED_AFTER, (1, 2, 3, 4, 100))
    assert [step for step in steps if "artifacts" in step or "files" in step] == [
        "SEARCH artifacts USING INDEX artifacts_by_place ((epoch,position)>(?,?) AND (epoch,position)<(?,?))",
        "SEARCH files USING PRIMARY KEY (id=?)",
    ]


@pytest.mark.parametrize("query", [retention.ENDED, retention.LATE_ONLY])
async def test_what_holds_a_run_back(store: Store, query: str) -> None:
    steps = await plan(store, query, ("", 1, 2, 100, "9"))
    [artifacts] = [step for step in steps if "artifacts" in step]
    assert artifacts.endswith("(run_id=?)"), steps
    assert "SEARCH files USING PRIMARY KEY (id=?)" in steps

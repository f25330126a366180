"""How SQLite reads what search asks of the tables: by keys, whatever the filter, and never with a sort of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from recorder.projections import PROJECTIONS
from recorder.queries.events import EventFilter
from recorder.queries.search import Asked, places_query
from recorder.search import indexing
from recorder.store import Store, open_store

AT = "SEARCH log USING INDEX sqlite_autoindex_log_2 (stream=? AND epoch=? AND position=?)"


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with open_store(tmp_path_factory.mktemp("plans") / "x.db", PROJECTIONS) as store:
        yield store


async def plan(store: Store, sql: str, values: Any) -> list[str]:
    return [row["detail"] for row in await store.rows(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize("run_id", [None, "r"])
@pytest.mark.parametrize(
    "wanted",
    [
        EventFilter(),
        EventFilter(type=("a", "b.*"), category=("network",), page_id="p", since="2026"),
    ],
)
async def test_events_at_places(store: Store, wanted: EventFilter, run_id: str | None) -> None:
    asked = Asked(filter=wanted, order="desc", run_id=run_id)
    assert await plan(store, *places_query(asked, 1, [3, 2, 1])) == [
        AT,
        "SEARCH events USING PRIMARY KEY (run_id=? AND epoch=? AND position=?)",
    ]


async def test_what_is_to_be_indexed(store: Store) -> None:
    assert await plan(store, indexing._AFTER, (1, 2, 3, 4, 5)) == [
        "SEARCH log USING INDEX sqlite_autoindex_log_2"
        " (stream=? AND (epoch,position)>(?,?) AND (epoch,position)<(?,?))"
    ]
    assert await plan(store, indexing._OF_RUN, ("r", 1, 2, 3, 4, 5)) == [
        "SEARCH events USING PRIMARY KEY"
        " (run_id=? AND (epoch,position)>(?,?) AND (epoch,position)<(?,?))",
        AT,
    ]
    assert await plan(store, indexing._ID_AT, (1, 2)) == [AT]
    [step] = await plan(store, indexing._IS_ANY_IN, (1, 2, 3))
    assert step.startswith("SEARCH log USING COVERING INDEX sqlite_autoindex_log_2 (stream=? AND")


async def test_how_far_there_is(store: Store) -> None:
    steps = await plan(store, *indexing._NEWEST)
    assert "SEARCH log USING COVERING INDEX sqlite_autoindex_log_2 (stream=?)" in steps
    assert not any(step.startswith("SCAN log") for step in steps)

"""How SQLite reads a page of events: along the primary key of one run, whatever is asked for, and the bodies
by their place. Never other runs, never what stands before the cursor, never a sort.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec import structs

from recorder.projections import PROJECTIONS
from recorder.queries.events import EventFilter, Place, events_query
from recorder.queries.runs import one_run
from recorder.store import Store, open_store

ONE = EventFilter(
    type=("page.opened", "network.*"),
    category=("network",),
    status=("failed",),
    page_id="p",
    context_id="c",
    connection_id="k",
    since="2026",
    until="2027",
)
FIELDS = structs.asdict(ONE)
CHOICES = [names for count in range(len(FIELDS) + 1) for names in combinations(FIELDS, count)]
PLACES = (None, Place(1, 5))


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with open_store(tmp_path_factory.mktemp("plans") / "x.db", PROJECTIONS) as store:
        yield store


async def plan(store: Store, sql: str, values: Any) -> list[str]:
    return [row["detail"] for row in await store.rows(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("place", PLACES, ids=["from the end", "after a cursor"])
async def test_page_of_events(
    store: Store, place: Place | None, order: Literal["asc", "desc"]
) -> None:
    beyond = ">" if order == "asc" else "<"
    keyset = f" AND (epoch,position){beyond}(?,?)" if place else ""
    for names in CHOICES:
        wanted = EventFilter(**{name: FIELDS[name] for name in names})
        steps = await plan(store, *events_query("r", wanted, place, 100, order))
        assert steps == [
            f"SEARCH events USING PRIMARY KEY (run_id=?{keyset})",
            "SEARCH log USING INDEX sqlite_autoindex_log_2 (stream=? AND epoch=? AND position=?)",
        ], names


async def test_run(store: Store) -> None:
    """By its key in each table that may know of it, and nothing is gone through but what that found."""
    steps = await plan(store, *one_run("r"))
    assert [step for step in steps if step.startswith(("SEARCH", "SCAN"))] == [
        "SEARCH runs USING PRIMARY KEY (id=?)",
        "SEARCH digests USING PRIMARY KEY (id=?)",
        "SEARCH checkpoints USING PRIMARY KEY (stream=?)",
        "SEARCH digests USING PRIMARY KEY (id=?)",
        "SEARCH checkpoints USING PRIMARY KEY (stream=?)",
        "SCAN one",
        "SEARCH quarantine USING INDEX quarantine_parked (stream=? AND owner=?) LEFT-JOIN",
    ]


async def test_plan_is_not_left_to_statistics(tmp_path: Path) -> None:
    """With ANALYZE run by somebody, it is the same one."""
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        await store.write(lambda transaction: transaction.execute("ANALYZE"))
        [events, log] = await plan(store, *events_query("r", ONE, Place(1, 5), 100, "asc"))
    assert events.startswith("SEARCH events USING PRIMARY KEY (run_id=? AND")
    assert log.startswith("SEARCH log USING INDEX")

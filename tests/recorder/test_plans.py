"""How SQLite reads a page of events: along the primary key of one run, whatever is asked for, and the bodies
by their place. Never other runs, never what stands before the cursor, never a sort.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec import structs

from recorder import finaliser, retention
from recorder.projections import PROJECTIONS, activity
from recorder.queries import commands, connections, runtimes
from recorder.queries.commands import CommandFilter
from recorder.queries.cursors import cursor
from recorder.queries.events import EventFilter, Place, events_query
from recorder.queries.runs import OPEN, RunFilter, one_run, page_query
from recorder.queries.runtimes import RuntimeFilter
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
FIELDS = {name: value for name, value in structs.asdict(ONE).items() if name != "words"}
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


SHOWN = [
    "CORRELATED SCALAR SUBQUERY 2",
    "SEARCH digests USING PRIMARY KEY (id=?)",
    "SCALAR SUBQUERY 1",
    "SEARCH checkpoints USING PRIMARY KEY (stream=?)",
]


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


async def test_open_runs(store: Store) -> None:
    steps = await plan(store, OPEN, ())
    assert [step for step in steps if step.startswith(("SEARCH", "SCAN"))] == [
        "SCAN runs USING INDEX runs_open",
        "SEARCH digests USING PRIMARY KEY (id=?)",
        "SEARCH checkpoints USING PRIMARY KEY (stream=?)",
        "SEARCH quarantine USING INDEX quarantine_parked (stream=? AND owner=?)",
    ]


@pytest.mark.parametrize("after", [None, ("2026", "r")], ids=["from the newest", "after a cursor"])
@pytest.mark.parametrize(
    ("wanted", "index", "equal"),
    [
        (RunFilter(), "by_time", ""),
        (RunFilter(space_id="s"), "by_space", "space_id=?"),
        (RunFilter(runtime_id="t"), "by_runtime", "runtime_id=?"),
        (RunFilter(status=["failed"]), "by_time", ""),
    ],
)
async def test_page_of_runs(
    store: Store, wanted: RunFilter, index: str, equal: str, after: tuple[str, str] | None
) -> None:
    """Runs along an index; of digests only what could stand on that page; what is sorted is that page."""
    keyset = ["(created_at,id)<(?,?)"] if after else []
    of_runs = " AND ".join([*filter(None, [equal]), *keyset])
    of_digests = " AND ".join([*filter(None, [equal]), "created_at>?", *keyset])
    found = await plan(store, *page_query(wanted, after, 50))
    how = (
        f"SEARCH runs USING INDEX runs_{index} ({of_runs})"
        if of_runs
        else f"SCAN runs USING INDEX runs_{index}"
    )
    assert [step for step in found if f"_{index}" in step] == [
        how,
        f"SEARCH digests USING INDEX digests_{index} ({of_digests})",
    ]
    assert {step for step in found if step.startswith("SCAN") and f"_{index}" not in step} == {
        "SCAN live",
        "SCAN (subquery-8)",
    }


async def test_page_of_active_runs(store: Store) -> None:
    """They are few, and none of them is a digest."""
    found = await plan(store, *page_query(RunFilter(status=["active"]), None, 50))
    assert found == ["SCAN runs USING INDEX runs_open", *SHOWN]


async def test_what_the_finaliser_and_retention_ask(store: Store) -> None:
    [ended, *_] = await plan(store, finaliser.ENDED_AFTER, (1, 5, 9, 9, 100))
    between = "(end_epoch,end_position)>(?,?) AND (end_epoch,end_position)<(?,?)"
    assert ended == f"SEARCH runs USING INDEX runs_by_end ({between})"
    [newest] = await plan(store, finaliser.NEWEST, ())
    assert newest == "SCAN runs USING INDEX runs_by_end"
    values = ("", 1, 5, 100)
    steps = await plan(store, retention.ENDED, (*values, "2026"))
    assert steps[0] == "SEARCH runs USING INDEX runs_by_end (end_epoch=? AND end_position<?)"
    assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")]
    for statement, found in zip(
        retention.FORGET,
        (
            "holders USING PRIMARY KEY (run_id=?)",
            "events USING INDEX events_that_end (run_id=?)",
            "usage USING PRIMARY KEY (run_id=?)",
            "activity_state USING PRIMARY KEY (run_id=?)",
        ),
        strict=True,
    ):
        assert await plan(store, statement, ("",)) == [f"SEARCH {found}"]
    steps = await plan(store, retention.UNREADABLE, values)
    assert steps[0] == ("SEARCH quarantine USING PRIMARY KEY (stream=? AND epoch=? AND position<?)")
    steps = await plan(store, retention.HALF_GONE, ())
    assert "SEARCH events USING PRIMARY KEY (run_id>?)" in steps
    assert (await plan(store, retention.REMOVE_LOG, values))[0] == (
        "SEARCH log USING INDEX sqlite_autoindex_log_2 (stream=? AND epoch=? AND position=?)"
    )
    assert (await plan(store, retention.REMOVE_EVENTS, values))[0] == (
        "SEARCH events USING PRIMARY KEY (run_id=? AND epoch=? AND position=?)"
    )


async def test_plan_is_not_left_to_statistics(tmp_path: Path) -> None:
    """With ANALYZE run by somebody, it is the same one."""
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        await store.write(lambda transaction: transaction.execute("ANALYZE"))
        [events, log] = await plan(store, *events_query("r", ONE, Place(1, 5), 100, "asc"))
    assert events.startswith("SEARCH events USING PRIMARY KEY (run_id=? AND")
    assert log.startswith("SEARCH log USING INDEX")


FILTERED = RuntimeFilter("s", ["active"], "n", {"a": "1", "b": "2"})


@pytest.mark.parametrize("after", [None, ("2026", "r")], ids=["from the newest", "after a cursor"])
@pytest.mark.parametrize(
    ("names", "first"),
    [
        ((), "runtimes_by_time"),
        (("status",), "runtimes_by_time"),
        (("space_id",), "runtimes_by_space (space_id=?"),
        (("name",), "runtimes_by_name (name=?"),
        (("name", "space_id"), "runtimes_by_name (name=?"),
        (("metadata",), "COVERING INDEX runtime_metadata_by_value (field=? AND value=?"),
        (
            ("metadata", "name", "space_id", "status"),
            "runtime_metadata_by_value (field=? AND value=?",
        ),
    ],
)
async def test_page_of_runtimes(
    store: Store, names: Sequence[str], first: str, after: tuple[str, str] | None
) -> None:
    """Along one index in the order of the list, from the cursor on; all else by keys, and never a sort."""
    wanted = RuntimeFilter(**{name: getattr(FILTERED, name) for name in names})
    sql, values = runtimes.page_query(wanted, after, 50)
    rows = await store.rows(f"EXPLAIN QUERY PLAN {sql}", values)
    # What stands deeper finds the newest run of one runtime.
    steps = [row["detail"] for row in rows if row["parent"] == 0]
    assert first in steps[0]
    assert ("created_at,id)<(?,?)" in steps[0].replace("runtime_id", "id")) == bool(after)
    assert not [step for step in steps[1:] if step.startswith(("SCAN", "USE TEMP"))]
    if "metadata" in names:
        assert "SEARCH runtimes USING PRIMARY KEY (id=?)" in steps
        other = "SEARCH other USING PRIMARY KEY (runtime_id=? AND field=?)"
        assert other in [row["detail"] for row in rows]


async def test_runtimes_that_are_looked_for(store: Store) -> None:
    [first, *_] = await plan(store, *runtimes.one_runtime("r"))
    assert first == "SEARCH runtimes USING PRIMARY KEY (id=?)"
    [only] = await plan(store, *runtimes.any_in_space("s"))
    assert only == "SEARCH runtimes USING INDEX runtimes_by_space (space_id=?)"
    steps = await plan(store, runtimes.DELETED_BUT_ACTIVE, ())
    assert steps[0] == "SCAN runs USING INDEX runs_open"
    assert "SEARCH runtimes USING PRIMARY KEY (id=?)" in steps
    assert not [step for step in steps[1:] if step.startswith(("SCAN", "USE TEMP"))]


async def test_connections(store: Store) -> None:
    run = "SEARCH run USING PRIMARY KEY (id=?) LEFT-JOIN"
    assert await plan(store, *connections.one_connection("r", "c")) == [
        "SEARCH connections USING INDEX connections_by_id (id=?)",
        run,
    ]
    after = cursor(connections.LIST, ("2026", "x"))
    for place, keyset in ((None, ""), (after, " AND (created_at,id)<(?,?)")):
        assert await plan(store, *connections.page_query("r", place, 10)) == [
            f"SEARCH connections USING INDEX connections_by_runtime (runtime_id=?{keyset})",
            run,
        ]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_commands(store: Store, order: Literal["asc", "desc"]) -> None:
    assert await plan(store, *commands.one_command("r", "c")) == [
        "SEARCH commands USING INDEX commands_by_id (id=? AND run_id=?)"
    ]
    assert await plan(store, *commands.newest_invocation("rt", "c")) == [
        "SEARCH commands USING INDEX commands_by_id (id=?)",
        "USE TEMP B-TREE FOR ORDER BY",  # of the few with one id
    ]
    everything = CommandFilter(status=["failed"], execution_mode="hosted", action=["click"])
    beyond = ">" if order == "asc" else "<"
    for place, keyset in ((None, ""), ((1, 5), f" AND (epoch,position){beyond}(?,?)")):
        for wanted in (CommandFilter(), everything):
            steps = await plan(store, *commands.page_query("r", wanted, place, 10, order))
            assert steps == [f"SEARCH commands USING PRIMARY KEY (run_id=?{keyset})"]


async def test_activity_goes_on_from_the_states_of_its_runs(store: Store) -> None:
    steps = await plan(store, activity.FIND_STATES, {"run_ids": '["r"]'})
    assert steps[0] == "SEARCH activity_state USING PRIMARY KEY (run_id=?)"

"""A run's activity as it is served: listed, nested, streamed while it evolves. What it tells is another test's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Literal

import msgspec
import pytest

from recorder.projections import PROJECTIONS
from recorder.queries import activity as queries
from recorder.queries.activity import ActivityFilter, activity_cursor, trees
from recorder.queries.events import BEGINNING, Place, event_cursor
from recorder.search import words
from recorder.store import Store, open_store
from schemas.problems import CursorInvalid, RunNotFound
from schemas.resources import ActivityItem
from tests.support.recorder_activity import (
    EVERYTHING,
    NORMAL,
    RECORDINGS,
    World,
    ids,
    read,
)
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, new_id


@pytest.fixture(params=RECORDINGS)
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield World(store, request.param)


def flat(items: Sequence[ActivityItem]) -> list[str]:
    """Ids of items and of all within them."""
    found: list[str] = []
    for item in items:
        assert isinstance(item.children, list)
        found += [item.id, *flat(item.children)]
    return found


async def test_page_by_page_it_is_the_same_list(world: World) -> None:
    await world.happen()
    whole = await world.whole()
    assert len(whole) > 10
    assert [item.time for item in whole] == sorted(item.time for item in whole)
    for limit in (3, 7):
        assert await world.whole(limit=limit) == whole
        assert await world.whole(limit=limit, order="desc") == whole[::-1]


async def test_normal_leaves_out_what_is_for_debugging(world: World) -> None:
    await world.happen()
    whole = await world.whole()
    normal = [item for item in whole if item.view == "normal"]
    assert 0 < len(normal) < len(whole)
    assert await world.whole(NORMAL) == normal


async def test_filter_in_memory_is_the_filter_in_sql(world: World) -> None:
    """Each value that there is, alone and with others."""
    await world.happen()
    whole, random = await world.whole(), Random(7)
    fields: dict[str, list[Any]] = {
        "view": [None, "normal"],
        "type": [(), *{(item.type,) for item in whole}, ("browser.*", "llm.usage"), ("none",)],
        "category": [(), *{(item.category,) for item in whole}],
        "severity": [(), ("warning", "error")],
        "invocation_id": [None, *{item.invocation_id for item in whole if item.invocation_id}],
        "file_id": [None, *{item.file_id for item in whole if item.file_id}],
    }
    chosen = [{name: value} for name, values in fields.items() for value in values]
    chosen += [{name: random.choice(values) for name, values in fields.items()} for _ in range(50)]
    for given in chosen:
        wanted = ActivityFilter(**given)
        expected = [item for item in whole if wanted.matches(item)]
        assert await world.whole(wanted) == expected, given
        read = await queries.changes_after(world.store, world.run_id, wanted, BEGINNING, 1000)
        assert sorted(each.resource.id for each in read.happened) == sorted(ids(expected)), given


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("at_once", [1, 3, 250])
async def test_words_are_looked_for_page_by_page(
    world: World, monkeypatch: pytest.MonkeyPatch, at_once: int, order: Literal["asc", "desc"]
) -> None:
    """Nothing is left out, nothing comes twice, whatever is looked at in one go; short pages may come in between."""
    monkeypatch.setattr(queries, "LOOKED_AT_ONCE", at_once)
    monkeypatch.setattr(queries, "MOST_LOOKED_AT", 2 * at_once)
    await world.happen()
    whole = await world.whole(order=order)
    for q, there in (
        ("opened", True),
        ('"THE browser"', True),
        ("open", True),
        ("quicksilver", False),
    ):
        wanted = ActivityFilter(words=words.wanted(q))
        expected = [item for item in whole if wanted.matches(item)]
        assert bool(expected) is there
        for limit in (1, 2, 100):
            assert await world.matching(wanted, limit, order) == expected
        told, _ = await read(world.follower(wanted))
        assert sorted(each.resource.id for each in told) == sorted(ids(expected))


async def test_who_did_it_and_ids_are_no_words(world: World) -> None:
    await world.happen()
    for item in await world.whole():
        data = msgspec.json.decode(item.data)
        texts = queries.activity_texts(item)
        assert texts[0] == item.message
        assert not {data.get("pageId"), data.get("by", {}).get("userAgent")} & {*texts[1:]}


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("wanted", [EVERYTHING, NORMAL, ActivityFilter(category=("tool",))])
async def test_nested_each_stands_once(
    world: World, wanted: ActivityFilter, order: Literal["asc", "desc"]
) -> None:
    """In what it is a part of, and alone where that is not shown; at any size of the pages."""
    await world.happen()
    everything = await world.whole(wanted)
    nested = await world.whole(wanted, nested=True, order=order)
    found = flat(nested)
    assert sorted(found) == sorted(ids(everything))
    shown = set(found)
    for item in nested:
        assert not isinstance(item.parent_id, str) or item.parent_id not in shown
    for limit in (1, 3):
        assert await world.whole(wanted, nested=True, order=order, limit=limit) == nested


@pytest.mark.parametrize("world", ["stories/shop-hosted"], indirect=True)
async def test_what_is_nested_hangs_on_its_parent(world: World) -> None:
    await world.happen()
    parents = [item for item in await world.whole(nested=True) if item.children]
    assert parents
    for item in parents:
        assert isinstance(item.children, list)
        assert {child.parent_id for child in item.children} == {item.id}


def test_a_chain_without_end_is_nested_so_deep_and_no_deeper() -> None:
    """An agent may say of each step that it is a part of the one before; JSON so deep reads nobody."""
    rows = [_row(number, number - 1 if number else None) for number in range(1000)]
    [tree] = trees(rows[:1], rows[1:])  # type: ignore[arg-type]
    assert len(flat([tree])) == 1000
    depth, at = 0, tree
    while at.children:
        assert isinstance(at.children, list)
        depth, at = depth + 1, at.children[0]
    assert depth == queries.MOST_DEPTH + 1


def _row(position: int, parent: int | None) -> dict[str, Any]:
    return {
        "epoch": 1,
        "position": position,
        "parent_epoch": None if parent is None else 1,
        "parent_position": parent,
        "id": str(position),
        "type": "tool.call",
        "category": "tool",
        "view": "normal",
        "severity": "info",
        "status": "finished",
        "time": "2026-01-01T00:00:00.000Z",
        "message": "x",
        "duration_ms": None,
        "parent_id": None if parent is None else str(parent),
        "invocation_id": None,
        "tool_call_id": None,
        "file_id": None,
        "data": b"{}",
    }


async def test_cursors_of_other_lists_are_refused(world: World) -> None:
    await world.happen()
    for cursor in (
        "x",
        event_cursor(world.run_id, Place(1, 1)),
        activity_cursor("other", BEGINNING),
    ):
        with pytest.raises(CursorInvalid):
            await world.page(EVERYTHING, cursor)
    with pytest.raises(RunNotFound):
        await queries.list_activity(
            world.store, new_id(), EVERYTHING, after=None, limit=1, order="asc"
        )


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("nested", [False, True])
async def test_plans(world: World, order: Literal["asc", "desc"], nested: bool) -> None:
    """Along the key of the run, or along its changes: nothing is sorted, and no other run is read."""
    everything = ActivityFilter(
        view="normal", type=("a", "b*"), category=("c",), severity=("error",), invocation_id="i", file_id="f"
    )  # fmt: skip
    beyond = ">" if order == "asc" else "<"
    for wanted in (EVERYTHING, everything):
        for place, keyset in ((None, ""), (Place(1, 5), f" AND (epoch,position){beyond}(?,?)")):
            query = queries.page_query("r", wanted, place, 10, order, nested=nested)
            first, *others = await plan(world.store, *query)
            assert first == f"SEARCH item USING PRIMARY KEY (run_id=?{keyset})"
            parent = "SEARCH parent USING PRIMARY KEY (run_id=? AND epoch=? AND position=?)"
            assert set(others) <= {"CORRELATED SCALAR SUBQUERY 1", parent}
        assert await plan(world.store, *queries.parts_query("r", wanted, order)) == [
            "SEARCH item USING PRIMARY KEY (run_id=?)"
        ]
        assert await plan(world.store, *queries.changes_query("r", wanted, Place(1, 5), 10)) == [
            "SEARCH item USING INDEX activity_by_change"
            " (run_id=? AND (changed_epoch,changed_position)>(?,?))"
        ]


async def plan(store: Store, sql: str, values: Any) -> list[str]:
    return [row["detail"] for row in await store.rows(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize(
    "query",
    [
        {"view": "all"},
        {"cursor": "x"},
        {"limit": 0},
        {"nested": "perhaps"},
        {"order": "up"},
        {"q": '"'},
        {"q": "*"},
        {"q": "x" * 10_240},
        {"q": "word", "nested": "true"},
        {"q": "word", "cursor": "x"},
    ],
)
async def test_bad_queries(recorder: Running, run: FakeRun, query: dict[str, Any]) -> None:
    answer = await recorder.http.get(f"/v1/runs/{run.run_id}/activity", params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")


async def test_of_nobody(recorder: Running) -> None:
    for path in ("activity", "activity/stream"):
        answer = await recorder.http.get(f"/v1/runs/{new_id()}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "run.not_found")

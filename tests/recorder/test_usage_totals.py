"""What runs took over a time: settled and pending, in all and by groups."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from recorder import finaliser
from recorder.projections import PROJECTIONS
from recorder.queries import totals
from recorder.queries.totals import Totals, Wanted
from recorder.store import Store, open_store
from schemas.events.runtime import RuntimeCreated, RuntimeDeleted, RuntimeLifecycle
from schemas.problems import CursorInvalid
from tests.recorder.test_digests import control
from tests.support import recorder_spec as spec
from tests.support.recorder_usage import CARD, NETWORK, events, put, settled, work
from tests.support.recorder_worker import FakeRun, new_id

NOW = "2026-01-01T00:00:00.000Z"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield store


@pytest.fixture
def run() -> FakeRun:
    return FakeRun("w1", space_id=new_id(), runtime_id=new_id())


async def test_totals_over_a_time(store: Store) -> None:
    made = [FakeRun("w1", "s1" if n % 2 else "s2", f"runtime-{n % 3}") for n in range(10)]
    times = [f"2026-01-{day:02d}T00:00:04.000Z" for day in range(1, 11)]
    digests = [
        settled(
            run,
            position=number,
            started_at=at.replace("04.000", "00.000"),
            finished_at=at,
            metadata={"customer": f"c{number % 4}"} if number % 4 else {},
        )
        for number, (run, at) in enumerate(zip(made, times, strict=True))
    ]
    await control(store, *digests)
    whole = await Totals(store, None).get(Wanted(), None, 10)
    assert (whole.runs, whole.network_bytes, whole.runtime_seconds) == (10, 100, 40.0)
    assert (whole.captcha_solves, whole.credits_used, whole.pending.runs) == (10, 5.04, 0)
    # `since` is included, `until` is not: months beside one another count each run once.
    some = await Totals(store, None).get(Wanted(since=times[2], until=times[5]), None, 10)
    assert some.runs == 3
    of_space = await Totals(store, None).get(Wanted(space_id="s1"), None, 10)
    assert of_space.runs == 5
    for by, field, expected in (
        ("space", None, {"s1": 5, "s2": 5}),
        ("runtime", None, {"runtime-0": 4, "runtime-1": 3, "runtime-2": 3}),
        ("metadata", "customer", {None: 3, "c1": 3, "c2": 2, "c3": 2}),
        ("metadata", 'no"such', {None: 10}),
    ):
        wanted = Wanted(by=by, field=field)  # type: ignore[arg-type]
        for limit in (1, 2, 100):
            assert await every_group(store, wanted, limit) == expected


async def every_group(store: Store, wanted: Wanted, limit: int) -> dict[str | None, int]:
    """The runs of each, page by page."""
    found: dict[str | None, int] = {}
    cursor: str | None = None
    while True:
        page = await Totals(store, CARD).get(wanted, cursor, limit)
        assert isinstance(page.groups, list)
        assert len(page.groups) <= limit
        found |= {each.key: each.runs + each.pending.runs for each in page.groups}
        if not page.next_cursor:
            return found
        cursor = str(page.next_cursor)


async def test_what_has_no_digest_yet_is_counted_apart(store: Store, run: FakeRun) -> None:
    """Each run once: those that go on, those that ended a moment ago, and those that are settled."""
    runtime = RuntimeCreated(runtime_id=run.runtime_id, name="x", metadata={"n": 1})
    before = FakeRun("w1", run.space_id, run.runtime_id)
    goes_on = FakeRun("w1", run.space_id, run.runtime_id)
    await put(store, before, events(before))
    last = len(work()) + 3
    await put(store, run, events(run), 100)
    await put(store, goes_on, events(goes_on, ends=False), 200)
    await control(
        store,
        spec.fact(runtime, run.space_id),
        settled(before, last, runtime_id=run.runtime_id, metadata={"n": "1"}),
    )
    found = await Totals(store, CARD).get(Wanted(), None, 10)
    assert (found.runs, found.pending.runs) == (1, 2)
    assert (found.network_bytes, found.pending.network_bytes) == (10, 2 * NETWORK)
    assert found.pending.files_bytes == 2000
    assert found.pending.credits_used is not None
    groups = await every_group(store, Wanted(by="metadata", field="n"), 10)
    assert groups == {"1": 3}
    # What goes on now does not end before a time that has passed.
    past = await Totals(store, CARD).get(Wanted(until="2026-01-02T00:00:00.000Z"), None, 10)
    assert (past.runs, past.pending.runs) == (1, 1)


async def test_totals_do_not_count_a_run_twice_while_a_recorder_comes_to_it(
    store: Store, run: FakeRun
) -> None:
    """One that begins reads CONTROL first: the run seems open, and has its digest."""
    await control(store, settled(run, position=500))
    await put(store, run, events(run, ends=False))
    found = await Totals(store, CARD).get(Wanted(), None, 10)
    assert (found.runs, found.pending.runs) == (1, 0)


async def test_a_cursor_of_another_list_is_refused(store: Store) -> None:
    with pytest.raises(CursorInvalid):
        await Totals(store, None).get(Wanted(by="space"), "garbage", 10)


async def test_pending_and_settled_are_in_one_group(store: Store, run: FakeRun) -> None:
    """Also what is too long to be kept, numbers as JSON writes them, and runtimes that were deleted."""
    metadata: dict[str, Any] = {"customer": "acme", "n": 1e20, "long": "x" * 300, "yes": True}
    made = RuntimeCreated(runtime_id=run.runtime_id, name="x", metadata=metadata)
    await control(store, spec.fact(made, run.space_id))
    await put(store, run, events(run, ends=False))
    pending = {field: await every_group(store, by_field(field), 10) for field in metadata}
    gone: Any = RuntimeDeleted(runtime_id=run.runtime_id)
    await control(store, spec.fact(gone, run.space_id), first=2)
    for field, found in pending.items():
        assert await every_group(store, by_field(field), 10) == found
    end = RuntimeLifecycle(phase="ended", code="runtime.stopped", message="Stopped.")
    await put(store, run, [run.event(end, status="stopped")], 100)
    [row] = await store.rows(finaliser.ENDED_AFTER, (0, 0, spec.EPOCH + 1, 0, 10))
    written = await finaliser.Finaliser(store, None, None, CARD)._digest(row)  # type: ignore[arg-type]
    await control(store, spec.fact(written, run.space_id), first=3)
    whole = await Totals(store, CARD).get(Wanted(), None, 10)
    assert (whole.runs, whole.pending.runs) == (1, 0)
    for field, found in pending.items():
        assert await every_group(store, by_field(field), 10) == found
    assert pending["long"] == {None: 1}


def by_field(field: str) -> Wanted:
    return Wanted(by="metadata", field=field)


@pytest.mark.parametrize("by", [None, "space", "runtime", "metadata"])
async def test_plans(store: Store, by: Any) -> None:
    """Along the times of the ends, the few that are open, and those after the newest digest: no run more."""
    wanted = Wanted(since="2026", until="2027", by=by, field="x")
    sql, values = (
        totals.all_query(wanted, NOW) if by is None else totals.groups_query(wanted, NOW, None, 10)
    )
    steps = [row["detail"] for row in await store.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert "SEARCH digest_usage USING PRIMARY KEY (finished_at>? AND finished_at<?)" in steps
    assert "SCAN runs USING INDEX runs_open" in steps
    assert "SEARCH runs USING INDEX runs_by_end ((end_epoch,end_position)>(?,?))" in steps
    scans = {step for step in steps if step.startswith("SCAN")}
    assert {step for step in scans if "digests" in step} <= {
        "SCAN digests USING COVERING INDEX digests_by_end"
    }
    assert "SCAN usage" not in scans

"""What of a run outlives its events: written once, and one list over what is there and what has gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from recorder import app, finaliser, tails
from recorder.api.following import frames
from recorder.checkpoint import Checkpoint
from recorder.follow import Follower
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.queries import runs, runtimes
from recorder.queries.events import BEGINNING, EventFilter, event_cursor
from recorder.queries.runs import RunFilter
from recorder.store import Store, Transaction, open_store
from schemas import subjects
from schemas.ends import BROWSER_CRASHED, REQUESTED
from schemas.envelope import Event
from schemas.events.run import MOST_MISSING, RunFinalised
from schemas.events.runtime import RuntimeCreated
from schemas.problems import RunNotFound
from schemas.resources import RunSummary
from schemas.usage import CreditsUsed, RateCard
from tests.support import recorder_spec as spec
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import settings_for
from tests.support.recorder_worker import FakeRun, fake_worker, new_id


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield store


def digest(run: FakeRun, position: int = 3, **others: object) -> RunFinalised:
    given: dict[str, object] = {
        "run_id": run.run_id,
        "runtime_id": run.runtime_id,
        "runtime_type": "browser",
        "status": "failed",
        "created_at": "2026-01-01T00:00:00.000Z",
        "started_at": "2026-01-01T00:00:01.000Z",
        "finished_at": "2026-01-01T00:00:05.000Z",
        "last_activity_at": "2026-01-01T00:00:05.000Z",
        "code": "browser.crashed",
        "message": "It crashed.",
        "events": 7,
        "last_sequence": 9,
        "arrived": 7,
        "late": 1,
        "wall": "uid",
        "egress": "proxy",
        "missing": [(3, 4)],
        "end_epoch": spec.EPOCH,
        "end_position": position,
    }
    return RunFinalised(**(given | others))  # type: ignore[arg-type]


async def control(store: Store, *events: Event, first: int = 1) -> None:
    batch = [spec.message(at, event, subjects.CONTROL) for at, event in enumerate(events, first)]
    await spec.apply(store, batch)


async def of_runs(store: Store, events: Sequence[tuple[FakeRun, Event]], first: int = 1) -> None:
    await spec.apply(store, [spec.message(at, each) for at, (_, each) in enumerate(events, first)])


async def read_up_to(store: Store, position: int) -> None:
    """As if RUNS had been read so far, and nothing of it were left."""
    place = Checkpoint(
        stream=subjects.RUNS, epoch=spec.EPOCH, position=position, message_id="whatever"
    )

    def job(transaction: Transaction) -> None:
        transaction.execute(
            "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)",
            (place.stream, place.epoch, place.position, place.message_id),
        )

    await store.write(job)


@pytest.fixture
def run() -> FakeRun:
    return FakeRun("w1", space_id=new_id(), runtime_id=new_id())


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_first_digest_of_a_run_stands(tmp_path: Path, run: FakeRun, times: int) -> None:
    first, second = (spec.fact(digest(run, events=count), run.space_id) for count in (7, 8))
    batch = [
        spec.message(at, event, subjects.CONTROL) for at, event in enumerate([first, second], 1)
    ]
    [row] = await spec.given(tmp_path).when(batch, times=times).then("SELECT * FROM digests")
    assert (row["id"], row["space_id"], row["events"]) == (run.run_id, run.space_id, 7)
    assert (row["end_code"], row["missing"]) == ("browser.crashed", b"[[3,4]]")


async def test_run_that_only_its_digest_knows(store: Store, run: FakeRun) -> None:
    await control(store, spec.fact(digest(run), run.space_id))
    await read_up_to(store, 3)
    found = await runs.get_run(store, run.run_id)
    assert (found.status, found.counts.events, found.last_sequence) == ("failed", 7, 9)
    assert (found.missing, found.late, found.duration_seconds) == ([(3, 4)], 1, 4.0)
    assert (found.wall, found.egress) == ("uid", "proxy")
    assert found.failure is not None
    assert (found.failure.code, found.failure.message) == ("browser.crashed", "It crashed.")
    course = await runs.find_course(store, run.run_id)
    assert course is not None
    assert course.ended


async def test_digest_is_shown_once_the_recorder_has_come_to_the_runs_end(
    store: Store, run: FakeRun
) -> None:
    """One that begins reads CONTROL before it has read all of RUNS: those runs have not gone, they come."""
    await control(store, spec.fact(digest(run, position=3), run.space_id))
    await of_runs(store, [(run, run.launching()), (run, run.ready())])
    assert (await runs.get_summary(store, run.run_id)).status == "active"
    assert [each.id for each in await runs.list_open(store)] == [run.run_id]
    other = FakeRun("w1", run.space_id, run.runtime_id)
    await control(store, spec.fact(digest(other, position=3), run.space_id), first=2)
    with pytest.raises(RunNotFound):
        await runs.get_summary(store, other.run_id)
    assert [each.id for each in await everything(store)] == [run.run_id]
    await of_runs(store, [(run, run.ended())], first=3)
    assert (await runs.get_summary(store, run.run_id)).status == "stopped"
    assert {each.id for each in await everything(store)} == {run.run_id, other.run_id}


async def test_what_came_late_does_not_reopen_a_run(store: Store, run: FakeRun) -> None:
    await control(store, spec.fact(digest(run, position=3), run.space_id))
    run.number = 9
    await of_runs(store, [(run, run.event("page.late"))], first=7)
    assert (await runs.get_summary(store, run.run_id)).status == "failed"
    assert await runs.list_open(store) == []
    assert (await runs.list_runs(store, RunFilter(status=["active"]), None, 10)).data == []
    assert [each.status for each in await everything(store)] == ["failed"]


async def test_runtime_keeps_the_status_of_its_newest_run(store: Store, run: FakeRun) -> None:
    made = spec.fact(RuntimeCreated(runtime_id=run.runtime_id, name="x"), run.space_id)
    older = FakeRun("w1", run.space_id, run.runtime_id)
    await control(
        store,
        made,
        spec.fact(digest(older, status="stopped", created_at="2025"), run.space_id),
        spec.fact(digest(run), run.space_id),
    )
    await read_up_to(store, 3)
    found = await runtimes.get_runtime(store, run.runtime_id)
    assert (found.status, found.active_run_id) == ("failed", None)
    assert found.last_activity_at == "2026-01-01T00:00:05.000Z"
    newer = FakeRun("w1", run.space_id, run.runtime_id)
    await of_runs(store, [(newer, newer.launching())], first=4)
    found = await runtimes.get_runtime(store, run.runtime_id)
    assert (found.status, found.active_run_id) == ("active", newer.run_id)


async def everything(
    store: Store, wanted: RunFilter | None = None, limit: int = 1000
) -> list[RunSummary]:
    """The whole list, page by page."""
    found: list[RunSummary] = []
    cursor: str | None = None
    while True:
        page = await runs.list_runs(store, wanted or RunFilter(), cursor, limit)
        assert len(page.data) <= limit
        assert page.data or cursor is None
        found += page.data
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("seed", range(5))
async def test_one_list_over_what_is_there_and_what_has_gone(store: Store, seed: int) -> None:
    """Any of the ended runs may have left, and any of them may have a digest while it is still there."""
    random = Random(seed)
    spaces, browsers = [new_id() for _ in range(2)], [new_id() for _ in range(3)]
    made = [FakeRun("w1", random.choice(spaces), random.choice(browsers)) for _ in range(40)]
    messages, digests = [], []
    for number, run in enumerate(made):
        at = f"2026-01-01T00:00:{number // 3:02d}.000Z"  # several at the same moment
        end = random.choice([BROWSER_CRASHED, REQUESTED, None])
        messages += [(run, run.event("x", time=at))]
        if end is not None:
            messages.append((run, run.ended(end)))
            digests.append((run, len(messages)))
    await of_runs(store, messages)
    whole = await everything(store)
    assert len(whole) == 40
    rows = {row["id"]: dict(row) for row in await store.rows("SELECT * FROM runs")}
    await control(store, *[_digest_of(run, at, rows[run.run_id]) for run, at in digests])
    left = [run.run_id for run, _ in digests if random.random() < 0.5]

    def leave(transaction: Transaction) -> None:
        for run_id in left:
            transaction.execute("DELETE FROM runs WHERE id = ?", (run_id,))

    await store.write(leave)
    filters = [
        RunFilter(),
        RunFilter(space_id=spaces[0]),
        RunFilter(runtime_id=browsers[0]),
        RunFilter(status=["failed"]),
        RunFilter(status=["active", "stopped"], space_id=spaces[1]),
        RunFilter(status=["active"]),
    ]
    for wanted in filters:
        expected = [each for each in whole if _matches(wanted, each)]
        for limit in (1, 2, 3, 7, 1000):
            assert await everything(store, wanted, limit) == expected


def _digest_of(run: FakeRun, position: int, row: dict[str, object]) -> Event:
    kept = ("created_at", "started_at", "finished_at", "status")
    data = digest(
        run,
        position,
        code=row["end_code"],
        message=row["end_message"],
        **{name: row[name] for name in kept},
    )
    return spec.fact(data, run.space_id)


def _matches(wanted: RunFilter, run: RunSummary) -> bool:
    return (
        wanted.space_id in (None, run.space_id)
        and wanted.runtime_id in (None, run.runtime_id)
        and (not wanted.status or run.status in wanted.status)
    )


async def digests_in_stream(nats_js: object) -> int:
    info = await nats_js.stream_info("CONTROL", subjects_filter="control.*.run.*.finalised")  # type: ignore[attr-defined]
    return sum((info.state.subjects or {}).values())


async def test_two_recorders_write_one_digest_of_each_ended_run(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finaliser, "ROUND_SECONDS", 0.05)
    monkeypatch.setattr(finaliser, "AT_ONCE", 3)
    one = settings_for(tmp_path / "one", own_nats.url, recorder_id="one")
    two = settings_for(tmp_path / "two", own_nats.url, recorder_id="two")
    async with (
        app.open_recorder(one) as first,
        app.open_recorder(two) as second,
        fake_worker(own_nats.url) as worker,
    ):
        opened = [await worker.open() for _ in range(10)]
        for run in opened[:8]:
            await worker.end(run)
        full_of_holes = opened[0]
        for recorder in (first, second):

            async def has_all(store: Store = recorder.store) -> bool:
                [row] = await store.rows("SELECT count(*) FROM digests")
                return bool(row[0] == 8)

            await eventually(has_all)
            tables = [
                [tuple(row) for row in await each.store.rows("SELECT * FROM digests")]
                for each in (first, recorder)
            ]
            assert tables[0] == tables[1]
        assert await digests_in_stream(worker._js) == 8
        # Late events change nothing in a digest.
        await worker.publish(full_of_holes, full_of_holes.event("late.x"))
    async with app.open_recorder(one) as first:  # nor does beginning again
        await eventually(lambda: first.consumers[0].lag == 0 and first.consumers[1].lag == 0)
        done = finaliser.Finaliser(first.store, first.facts, first.consumers[0])
        while await done._some():
            pass
        [row] = await first.store.rows("SELECT count(*), max(events), max(late) FROM digests")
        assert tuple(row) == (8, 3, 0)


async def test_a_run_that_says_no_times_has_a_digest_and_stops_nobody(
    store: Store, run: FakeRun
) -> None:
    """Whoever wrote it."""
    end = msgspec.structs.replace(run.ended(), time="yesterday")
    await of_runs(store, [(run, run.event("x")), (run, end)])
    [row] = await store.rows(finaliser.ENDED_AFTER, (0, 0, spec.EPOCH + 1, 0, 10))
    made = await finaliser.Finaliser(store, None, None, RateCard(runtime_hour=1))._digest(row)  # type: ignore[arg-type]
    assert (made.finished_at, made.credits) == ("yesterday", CreditsUsed())
    assert (await runs.get_summary(store, run.run_id)).duration_seconds == 0
    used = await runs.get_usage(store, run.run_id, None)
    assert used.runtime_seconds == 0


async def test_digest_names_the_first_holes(store: Store, run: FakeRun) -> None:
    holes = [run.event("x", number=number) for number in range(2, 2 * MOST_MISSING + 20, 2)]
    await of_runs(store, [(run, event) for event in (*holes, run.ended())])
    [row] = await store.rows(finaliser.ENDED_AFTER, (0, 0, spec.EPOCH + 1, 0, 10))
    made = await finaliser.Finaliser(store, None, None)._digest(row)  # type: ignore[arg-type]
    assert len(made.missing) == MOST_MISSING
    assert made.missing[:2] == [(1, 1), (3, 3)]
    assert (made.arrived, made.end_position) == (len(holes) + 1, len(holes) + 1)
    assert made.status == "stopped"


async def test_stream_breaks_off_when_events_leave_before_its_reader(
    store: Store, run: FakeRun
) -> None:
    """It tells no end, for that would say that all was told."""
    count = 3 * tails.PAGE
    await of_runs(store, [(run, run.event("x")) for _ in range(count)])
    await of_runs(store, [(run, run.ended())], first=count + 1)
    await control(store, spec.fact(digest(run, position=count + 1), run.space_id))
    news = News()
    follower = Follower(run.run_id, EventFilter(), BEGINNING, tails.Tails(store, news), news)
    told = frames(follower, "run.event", event_cursor, run.run_id)
    assert (await anext(told)).count(b"event: run.event") == tails.PAGE

    def leave(transaction: Transaction) -> None:
        transaction.execute("DELETE FROM runs")
        transaction.execute("DELETE FROM events")

    await store.write(leave)
    assert [frame async for frame in told] == []


async def test_what_held_the_browser_outlives_its_events(store: Store, run: FakeRun) -> None:
    await of_runs(store, [(run, run.launching()), (run, run.ready()), (run, run.ended())])
    [row] = await store.rows(finaliser.ENDED_AFTER, (0, 0, spec.EPOCH + 1, 0, 10))
    made = await finaliser.Finaliser(store, None, None, None)._digest(row)  # type: ignore[arg-type]
    assert (made.wall, made.egress) == ("uid", "proxy")

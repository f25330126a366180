"""What cannot be projected parks its owner, not the stream; retried or skipped, it goes on in order."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from recorder import quarantine
from recorder.entries import Message
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.projector import Projector
from recorder.quarantine import NotQuarantined
from recorder.store import Store, migrations, open_store, parked
from schemas import codec, subjects
from schemas.envelope import Event
from schemas.events.page import PageOpened
from schemas.events.space import SpaceCreated
from tests.support import recorder_spec as spec
from tests.support.recorder_watchful import LENIENT, SEEN, STRICT
from tests.support.recorder_worker import FakeRun, new_id


class World:
    """Two runs on a stream, and the projector."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.news = News()
        self.projector = Projector(store, self.news, store.projections)
        self.a, self.b = (FakeRun("w1", new_id(), new_id()) for _ in range(2))
        self.position = 0

    async def happen(self, *events: Event | bytes) -> None:
        """One batch. Bytes stand for a broken message of run a."""
        await self.projector.apply([self._message(event) for event in events])

    def _message(self, event: Event | bytes) -> Message:
        self.position += 1
        if isinstance(event, Event):
            return spec.message(self.position, event)
        return spec.raw_message(self.position, f"runs.s.{self.a.run_id}.w1.x", event)

    async def seen(self, run: FakeRun) -> list[int]:
        return [row[0] for row in await self.store.rows(SEEN, (run.run_id,))]

    async def skip(self, position: int) -> quarantine.Outcome:
        return await quarantine.skip(self.store, self.news, subjects.RUNS, spec.EPOCH, position)

    async def retry(self, run: FakeRun) -> quarantine.Outcome:
        return await quarantine.retry(self.store, self.news, run.run_id)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_store(tmp_path / "x.db", STRICT) as store:
        yield World(store)


@pytest.mark.parametrize(
    ("kind", "code", "projection"),
    [
        ("bad.python", "projection.failed", "seen"),
        ("bad.sql", "projection.failed", "seen"),
        ("future", "event.from_the_future", ""),
        ("misfit", "event.unreadable", ""),
        ("garbage", "event.unreadable", ""),
        ("misplaced", "event.misplaced", ""),
    ],
)
async def test_culprit_parks_its_run_and_no_other(
    world: World, kind: str, code: str, projection: str
) -> None:
    a, b = world.a, world.b
    await world.happen(a.launching(), b.launching(), _culprit(world, kind), a.ready(), b.ready())
    await world.happen(a.event("x.y"), b.event("x.y"))
    [found] = await quarantine.find_all(world.store)
    assert (found.owner, found.code, found.projection) == (a.run_id, code, projection)
    assert (found.position, found.waiting, found.skipped) == (3, 3, False)
    assert await world.seen(a) == [1]
    assert len(await world.seen(b)) == 3
    rows = await world.store.rows("SELECT id, events, started_at FROM runs")
    assert {row[0]: (row[1], row[2] is None) for row in rows} == {
        a.run_id: (1, True),
        b.run_id: (3, False),
    }
    assert world.news.position(subjects.RUNS) == 7


def _culprit(world: World, kind: str) -> Event | bytes:
    if kind == "garbage":
        return b"?"
    if kind == "misplaced":
        return msgspec.json.encode(world.b.event("x.y", number=9))
    if kind == "future":
        return world.a.event(PageOpened(url=""), dataversion=99)
    if kind == "misfit":
        return world.a.event("page.opened")
    return world.a.event(kind)


async def test_database_that_fails_parks_nobody(world: World) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await world.happen(world.a.launching(), world.a.event("bad.disk"))
    assert await quarantine.find_all(world.store) == []
    assert await spec.checkpoint(world.store) is None
    assert await world.store.rows("SELECT * FROM log") == []


async def test_who_names_nobody_parks_nobody(world: World) -> None:
    broken = [spec.raw_message(at, subject, b"?") for at, subject in ((1, "x"), (2, "runs.a.b"))]
    await world.projector.apply([*broken, spec.message(3, world.a.launching())])
    found = await quarantine.find_all(world.store, owner="")
    assert [(each.position, each.owner) for each in found] == [(1, ""), (2, "")]
    assert await world.seen(world.a) == [1]
    assert await quarantine.count_parked(world.store) == 0
    await world.skip(1)
    assert [each.skipped for each in await quarantine.find_all(world.store)] == [True, False]


async def test_skipped_message_is_projected_by_its_envelope(world: World) -> None:
    await world.happen(world.a.launching(), _culprit(world, "misfit"), world.a.event("x.y"))
    outcome = await world.skip(2)
    assert (outcome.owner, outcome.went_on, outcome.culprits) == (world.a.run_id, 2, [])
    assert await world.seen(world.a) == [1, 2, 3]
    assert [each.skipped for each in await quarantine.find_all(world.store)] == [True]
    assert await quarantine.count_parked(world.store) == 0


async def test_projection_that_cannot_take_the_envelope_goes_without(world: World) -> None:
    await world.happen(world.a.launching(), world.a.event("bad.python"), world.a.event("x.y"))
    assert (await world.skip(2)).went_on == 2
    assert await world.seen(world.a) == [1, 3]
    [row] = await world.store.rows("SELECT events FROM runs")
    assert row["events"] == 3


async def test_retry_that_finds_the_same_culprit_changes_nothing(world: World) -> None:
    await world.happen(world.a.launching(), world.a.event("bad.sql"), world.a.event("x.y"))
    before = await spec.dump(world.store)
    outcome = await world.retry(world.a)
    assert outcome.went_on == 0
    assert [culprit.position for culprit in outcome.culprits] == [2]
    assert await spec.dump(world.store) == before


async def test_skip_stops_at_the_next_culprit(world: World) -> None:
    await world.happen(world.a.launching(), b"?", world.a.ready(), b"??", world.a.event("x.y"))
    outcome = await world.skip(2)
    assert (outcome.went_on, [each.position for each in outcome.culprits]) == (2, [4])
    assert [each.skipped for each in await quarantine.find_all(world.store)] == [True, False]
    assert await world.seen(world.a) == [1, 2]


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
async def test_many_go_on_in_several_transactions(
    world: World, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "CHUNK", chunk)
    await world.happen(world.a.launching(), b"?", *(world.a.event("x.y") for _ in range(6)))
    assert (await world.skip(2)).went_on == 7
    assert await world.seen(world.a) == [1, 2, 3, 4, 5, 6, 7]
    assert (
        await world.store.rows("SELECT * FROM log WHERE parked OR parked_owner IS NOT NULL") == []
    )
    assert await quarantine.count_parked(world.store) == 0


async def test_nothing_there_to_retry_or_skip(world: World) -> None:
    with pytest.raises(NotQuarantined):
        await world.retry(world.a)
    with pytest.raises(NotQuarantined):
        await world.skip(1)
    await world.happen(b"?")
    await world.skip(1)
    with pytest.raises(NotQuarantined):
        await world.skip(1)


async def test_list_on_a_connection_that_only_reads(world: World, tmp_path: Path) -> None:
    await world.happen(b"?")
    connection = sqlite3.connect(f"{(tmp_path / 'x.db').as_uri()}?mode=ro", uri=True)
    try:
        assert quarantine.read_all(connection) == await quarantine.find_all(world.store)
        assert quarantine.read_all(connection, "nobody") == []
    finally:
        connection.close()


async def test_upgrade_retries_by_itself(tmp_path: Path) -> None:
    async with open_store(tmp_path / "x.db", STRICT) as store:
        world = World(store)
        await world.happen(world.a.launching(), world.a.event("bad.sql"), world.a.ended())
    async with open_store(tmp_path / "x.db", LENIENT) as store:
        assert await quarantine.find_all(store) == []
        [row] = await store.rows("SELECT status, events FROM runs")
        assert (row["status"], row["events"]) == ("stopped", 3)


async def test_retry_that_was_cut_off_goes_on_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "CHUNK", 2)
    async with open_store(tmp_path / "x.db", STRICT) as store:
        world = World(store)
        await world.happen(b"?", *(world.a.event("x.y") for _ in range(6)))
        place = (subjects.RUNS, spec.EPOCH, 1)
        await store.write(lambda each: quarantine._skip(each, store, place))
        [_, rest] = await quarantine.find_all(store)
        assert (rest.code, rest.position, rest.waiting) == ("retry.interrupted", 3, 5)
        with pytest.raises(NotQuarantined):  # it is a good message
            await world.skip(rest.position)
        await world.happen(world.a.event("x.y"))
        assert len(await world.seen(world.a)) == 1
    async with open_store(tmp_path / "x.db", STRICT) as store:
        rows: list[Any] = await store.rows(SEEN, (world.a.run_id,))
        assert [row[0] for row in rows] == [1, 2, 3, 4, 5, 6, 7]


async def test_file_of_before_the_quarantine(tmp_path: Path) -> None:
    """What it had passed over parks its run now, and that run's tables are made anew."""
    run = FakeRun("w1", new_id(), new_id())
    found: list[Event | bytes] = [run.launching(), b"?", run.ended()]
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    for statement in migrations.MIGRATIONS[0]:
        connection.execute(statement)
    for position, event in enumerate(found, 1):
        body = codec.encode_event(event) if isinstance(event, Event) else event
        event_id = event.id if isinstance(event, Event) else None
        subject, error = f"runs.{run.space_id}.{run.run_id}.w1.x", None if event_id else "why"
        connection.execute(
            "INSERT INTO log VALUES (NULL, 'RUNS', 1, ?, ?, ?, ?, ?, ?)",
            (position, event_id, run.run_id, subject, body, error),
        )
    for projection in PROJECTIONS:
        connection.execute("INSERT INTO projections VALUES (?, ?)", (projection.name, 1))
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        [parked] = await quarantine.find_all(store)
        assert (parked.position, parked.waiting, parked.owner) == (2, 2, run.run_id)
        [row] = await store.rows("SELECT status, events FROM runs")
        assert (row["status"], row["events"]) == ("active", 1)


async def test_each_parking_is_told(world: World) -> None:
    with capture_logs() as logs:
        await world.happen(world.a.launching(), b"?", b"??")
    [line] = [each for each in logs if each["event"] == "projector.parked"]
    assert (line["code"], line["owner"], line["position"]) == (
        "event.unreadable",
        world.a.run_id,
        2,
    )


@pytest.mark.parametrize(
    "sql",
    [parked._WAITING, parked._UNPARK, parked._are_parked(3), parked._SKIPPED, parked._IS_THERE_ANY],
)
async def test_nothing_is_searched_through(world: World, sql: str) -> None:
    values = ("x",) * sql.count("?")
    rows = await world.store.rows(f"EXPLAIN QUERY PLAN {sql}", values)
    steps = [row["detail"] for row in rows if row["detail"].startswith(("SCAN", "SEARCH"))]
    assert steps
    assert not any(step.startswith("SCAN") for step in steps if "CONSTANT" not in step), steps


async def test_resource_on_control_parks_alone(world: World) -> None:
    def made(position: int, space_id: str, body: bytes | None = None) -> Message:
        data = msgspec.Raw(codec.encode(SpaceCreated(space_id=space_id, name=space_id)))
        event = Event(
            id=new_id(),
            source="/recorders/r",
            type="space.created",
            time="t",
            spaceid="s",
            data=data,
        )
        subject = subjects.control_event("s", "space", space_id, "created")
        body = body if body is not None else codec.encode_event(event)
        return spec.raw_message(position, subject, body, stream=subjects.CONTROL)

    await world.projector.apply([made(1, "a", b"?"), made(2, "a"), made(3, "b")])
    [found] = await quarantine.find_all(world.store)
    assert (found.stream, found.owner, found.waiting) == ("CONTROL", "space/a", 2)
    assert [row["id"] for row in await world.store.rows("SELECT id FROM spaces")] == ["b"]
    await quarantine.skip(world.store, world.news, found.stream, found.epoch, found.position)
    rows = await world.store.rows("SELECT id FROM spaces ORDER BY id")
    assert [row["id"] for row in rows] == ["a", "b"]

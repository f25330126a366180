"""What a worker writes in a run that another one holds is kept aside, and changes nothing of that run."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from recorder import quarantine
from recorder.entries import MISPLACED, WORKER_MISMATCH, Message, read
from recorder.holders import hold
from recorder.news import News
from recorder.ops.tables import parked_in
from recorder.projections import PROJECTIONS
from recorder.projector import Projector
from recorder.store import Store, migrations, open_store
from schemas import codec, ends, subjects
from schemas.envelope import Event, recorder_source
from schemas.events.runtime import RuntimeLifecycle
from tests.support import recorder_spec as spec
from tests.support.recorder_worker import FakeRun, new_id


class World:
    """A run that w1 holds, and w2 who writes in it."""

    def __init__(self, store: Store) -> None:
        self.store, self.news = store, News()
        self.run = FakeRun("w1", "s", new_id())
        self.theirs = replace(self.run, worker_id="w2")
        self._projector = Projector(store, self.news, store.projections)
        self._position = 0

    async def happen(self, *events: Event | tuple[str, bytes]) -> None:
        """One batch: events, or bytes that a worker published in the run."""
        await self._projector.apply([self._message(event) for event in events])

    def _message(self, event: Event | tuple[str, bytes]) -> Message:
        self._position += 1
        if isinstance(event, Event):
            writer = event.source.rpartition("/")[2] if event.by_worker else subjects.RECORDER
            body = codec.encode_event(event)
        else:
            writer, body = event
        subject = subjects.run_event("s", self.run.run_id, writer, "x.y")
        return spec.raw_message(self._position, subject, body)

    async def found(self) -> list[tuple[int, str, str]]:
        rows = await quarantine.find_all(self.store)
        return [(each.position, each.owner, each.code) for each in rows]

    async def counts(self) -> dict[str, object]:
        sql = "SELECT status, events, arrived, last_sequence, late, end_code FROM runs"
        [row] = await self.store.rows(sql)
        return dict(row)

    def fact(self, event_id: str) -> Event:
        """The end that a recorder writes."""
        end = ends.HOST_LOST
        body = RuntimeLifecycle(phase="ended", code=end.code, message=end.message)
        return self.run.event(
            body,
            0,
            id=event_id,
            source=recorder_source("r1"),
            status=end.status,
            sequence=msgspec.UNSET,
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield World(store)


MINE = {"status": "active", "events": 3, "arrived": 3, "last_sequence": 3, "late": 0}


@pytest.mark.parametrize("together", [True, False])
async def test_it_is_kept_aside_and_the_run_goes_on(world: World, together: bool) -> None:
    forged = (
        world.theirs.event("x.y", number=2),
        world.theirs.event("x.y", number=900),
        world.theirs.ended(),
        ("w2", b"not even an event"),
        ("w2", codec.encode_event(world.run.event("x.y", number=2))),
    )
    mine = (world.run.event("x.y", number=2), world.run.event("x.y", number=3))
    launching = world.run.event(
        RuntimeLifecycle(phase="launching", worker_id="w1"), number=1, status="started"
    )
    if together:
        await world.happen(launching, *forged, *mine)
    else:
        for event in (launching, *forged, *mine):
            await world.happen(event)
    assert (await world.counts()).items() >= MINE.items()
    assert await world.found() == [(at, "", WORKER_MISMATCH) for at in range(2, 7)]
    rows = await world.store.rows("SELECT event_id, run_id FROM log WHERE parked")
    assert [tuple(row) for row in rows] == [(None, None)] * 5


async def test_it_takes_nobodys_id(world: World) -> None:
    """Ids of what recorders agree on can be known before: taken, the fact itself would count as its copy."""
    agreed = new_id()
    await world.happen(world.run.launching(), world.theirs.event("x.y", id=agreed))
    await world.happen(world.fact(agreed))
    counts = await world.counts()
    assert (counts["status"], counts["end_code"]) == ("failed", ends.HOST_LOST.code)


async def test_recorders_write_in_any_run(world: World) -> None:
    await world.happen(world.fact(new_id()), world.run.event("x.y", number=1))
    assert await world.found() == []
    assert (await world.counts())["late"] == 1


async def test_retry_and_skip_change_nothing_of_the_run(world: World) -> None:
    await world.happen(world.run.launching(), world.theirs.event("x.y"))
    before = await world.counts()
    outcome = await quarantine.retry(world.store, world.news, "")
    assert (outcome.went_on, [each.code for each in outcome.culprits]) == (0, [WORKER_MISMATCH])
    await quarantine.skip(world.store, world.news, subjects.RUNS, spec.EPOCH, 2)
    assert await world.counts() == before
    assert [each.skipped for each in await quarantine.find_all(world.store)] == [True]


async def test_operator_is_told_that_no_run_waits(world: World, tmp_path: Path) -> None:
    await world.happen(world.run.launching(), world.theirs.event("x.y"))
    live = sqlite3.connect(tmp_path / "x.db")
    live.row_factory = sqlite3.Row
    parked = parked_in(live)
    live.close()
    assert (parked.messages, parked.owners) == (1, 0)
    reason = f"w2 wrote in the run {world.run.run_id}, which w1 holds"
    assert [each.reason for each in parked.first] == [reason]


async def test_tables_made_anew_are_the_same(tmp_path: Path) -> None:
    another = [msgspec.structs.replace(each, version=99) for each in PROJECTIONS]
    async with open_store(tmp_path / "live.db", PROJECTIONS) as store:
        world = World(store)
        forged = [world.theirs.event("x.y") for _ in range(3)]
        await world.happen(world.run.launching(), forged[0], world.run.event("x.y", number=2))
        await world.happen(forged[1])
        await world.happen(forged[2], world.run.event("x.y", number=3))
        live = await spec.dump(store)
    async with open_store(tmp_path / "live.db", another) as store:
        assert await spec.dump(store) == live


async def test_file_of_before_knows_who_holds_what(tmp_path: Path) -> None:
    """By the first that wrote in each run, which no recorder is."""
    run = FakeRun("w1", "s", new_id())
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    for migration in migrations.MIGRATIONS[:3]:
        for statement in migration:
            connection.execute(statement)
    for position, writer in enumerate(("recorder", "w1", "w2"), 1):
        connection.execute(
            "INSERT INTO log (stream, epoch, position, run_id, subject, raw)"
            " VALUES ('RUNS', 1, ?, ?, ?, '')",
            (position, run.run_id, f"runs.s.{run.run_id}.{writer}.x.y"),
        )
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        rows = await store.rows("SELECT run_id, worker FROM holders")
        assert [tuple(row) for row in rows] == [(run.run_id, "w1")]


async def test_a_flood_is_one_line_of_the_log(tmp_path: Path) -> None:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        world = World(store)
        await world.happen(world.run.event("x.y"))
        other = replace(world.run, worker_id="w3")
        with capture_logs() as logs:
            await world.happen(*(world.theirs.event("x.y") for _ in range(50)), other.event("x.y"))
    told = [line for line in logs if line["event"] == "projector.parked"]
    assert [(line["position"], line["messages"]) for line in told] == [(2, 50), (52, 1)]


@pytest.mark.parametrize("token", ["*", ">", "A", "\x00", "\x1b[31m", "é", "<b>", "x" * 65])
@pytest.mark.parametrize("place", range(3))
def test_a_subject_of_strange_tokens_is_misplaced(token: str, place: int) -> None:
    """However well the envelope agrees with it."""
    tokens = ["s", "r", "w1"]
    tokens[place] = token
    space, run_id, worker = tokens
    event = FakeRun(worker, space, new_id(), run_id).event("x.y")
    entry = read(
        spec.raw_message(1, f"runs.{space}.{run_id}.{worker}.x.y", codec.encode_event(event))
    )
    assert entry.code == MISPLACED
    assert entry.event_id is None


def test_a_subject_that_names_no_worker_is_judged_by_nobody() -> None:
    entries = [
        read(spec.raw_message(1, subject, b"?"))
        for subject in ("runs.s.r", "runs.s.r.recorder.x", "control.s.a.b.c")
    ]
    held = hold(entries)
    assert held.entries == entries
    assert held.holders == {}

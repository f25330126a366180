"""`verify` beside a recorder that goes on: equal when it is, and the first difference by its name."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recorder.ops.progress import Step
from recorder.ops.scratch import alone, clear_away_leftovers
from recorder.ops.verify import Verified, verify
from schemas.problems import CannotStart
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, all_shown, fake_worker, new_id


@pytest.fixture
async def recorder(own_nats: NatsServer, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(settings_for(tmp_path, own_nats.url)) as recorder:
        yield recorder


@pytest.fixture
async def worker(recorder: Running, own_nats: NatsServer) -> AsyncIterator[FakeWorker]:
    async with fake_worker(own_nats.url) as worker:
        yield worker


def database_of(recorder: Running) -> Path:
    return Path(recorder.settings.database)


async def verified(recorder: Running) -> Verified:
    return await verify(recorder.settings.nats_url, database_of(recorder))


async def some_runs(worker: FakeWorker, count: int = 3, events: int = 20) -> list[FakeRun]:
    runs = [FakeRun("w1", new_id(), new_id()) for _ in range(count)]
    for run in runs:
        happened = [run.event("x.y") for _ in range(events)]
        await worker.publish(run, run.launching(), run.ready(), *happened, run.ended())
    return runs


async def test_equal_after_changes(recorder: Running) -> None:
    """What was changed, found again, and deleted."""
    space = await recorder.post("/v1/spaces", {"name": "one"}, status=201)
    await recorder.patch(f"/v1/spaces/{space['id']}", {"name": "two"})
    kept, gone = [
        await recorder.post("/v1/runtimes", {"metadata": {"a": 1}, "spaceId": space["id"]}, 201)
        for _ in range(2)
    ]
    change = {"metadata": {"a": None, "b": 1.5}, "config": {"idleTimeoutSeconds": 9}}
    changed = await recorder.patch(f"/v1/runtimes/{kept['id']}", change)
    await recorder.delete(f"/v1/runtimes/{gone['id']}")
    found = await verified(recorder)
    assert found.equal
    assert (await recorder.get("/v1/runtimes", **{"metadata.b": "1.5"}))["data"] == [changed]


async def test_equal_beside_a_recorder_that_goes_on(recorder: Running, worker: FakeWorker) -> None:
    await recorder.post("/v1/runtimes", {"name": "one"}, status=201)
    [run, *_] = await some_runs(worker)
    await worker.publish_raw(f"runs.{run.space_id}.{run.run_id}.w1.x", b"not JSON", "")
    goes_on = asyncio.create_task(some_runs(worker, count=20))
    found = [await verified(recorder) for _ in range(3)]
    await goes_on
    await all_shown(recorder, worker)
    found.append(await verified(recorder))
    assert [(each.equal, each.difference) for each in found] == [(True, None)] * 4
    assert found[-1].positions["RUNS"] == 23 * 23 + 1
    assert found[-1].events == found[-1].positions["RUNS"] + found[-1].positions["CONTROL"]
    assert found[-1].rows > 2 * 23 * 23


@pytest.mark.parametrize(
    ("damage", "table", "column"),
    [
        ("UPDATE runs SET late = 7 WHERE id = '{run}'", "runs", "late"),
        ("UPDATE events SET name = 'x' WHERE run_id = '{run}'", "events", "name"),
        ("DELETE FROM events WHERE run_id = '{run}'", "events", None),
        ("UPDATE log SET raw = x'00' WHERE position = 3 AND stream = 'RUNS'", "log", "raw"),
        ("DELETE FROM log WHERE position = 3 AND stream = 'RUNS'", "log", None),
        ("UPDATE spaces SET name = 'x'", "spaces", "name"),
    ],
)
async def test_names_the_first_difference(
    own_nats: NatsServer, tmp_path: Path, damage: str, table: str, column: str | None
) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        [run, *_] = await some_runs(worker)
        await all_shown(recorder, worker)
    with sqlite3.connect(settings.database) as connection:
        connection.execute(damage.format(run=run.run_id))
    connection.close()
    found = await verify(settings.nats_url, Path(settings.database))
    assert found.difference is not None
    assert (found.equal, found.difference.table, found.difference.column) == (False, table, column)
    assert found.difference.key
    assert found.difference.live != found.difference.replayed


async def test_runs_that_began_before_the_stream_does_are_left_out(
    recorder: Running, worker: FakeWorker
) -> None:
    first, second = await some_runs(worker, count=2)
    await all_shown(recorder, worker)
    await worker._js.purge_stream("RUNS", seq=5)
    found = await verified(recorder)
    assert (found.equal, found.left_out) == (True, 1)
    await worker._js.purge_stream("RUNS", seq=30)
    found = await verified(recorder)
    assert (found.equal, found.left_out) == (True, 2)
    assert first.run_id != second.run_id


async def test_stream_made_anew_is_told(recorder: Running, worker: FakeWorker) -> None:
    await some_runs(worker)
    await all_shown(recorder, worker)
    config = (await worker._js.stream_info("RUNS")).config
    await worker._js.delete_stream("RUNS")
    await worker._js.add_stream(config)
    found = await verified(recorder)
    assert [(each.stream, each.verdict) for each in found.broken] == [("RUNS", "made_anew")]
    assert not found.equal


async def test_tells_how_far_it_is_and_leaves_nothing(
    recorder: Running, worker: FakeWorker
) -> None:
    await some_runs(worker)
    await all_shown(recorder, worker)
    steps: list[Step] = []
    await verify(recorder.settings.nats_url, database_of(recorder), steps.append)
    assert steps[-1].done == steps[-1].of > 3 * 23
    assert list(database_of(recorder).parent.glob("*.scratch*")) == []


async def test_one_command_at_a_time_and_leftovers_go(recorder: Running) -> None:
    database = database_of(recorder)
    leftover = database.with_name(f"{database.name}.scratch")
    with alone(database):
        leftover.write_bytes(b"of the command that is at work")
        with pytest.raises(CannotStart, match="Another command"):
            await verified(recorder)
        clear_away_leftovers(database)
        assert leftover.exists()
    leftover.write_bytes(b"of a command that was killed")
    clear_away_leftovers(database)
    assert not leftover.exists()

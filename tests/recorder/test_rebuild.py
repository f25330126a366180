"""`rebuild` beside a recorder that answers and goes on, without one, and where it must refuse."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from recorder import cancelling
from recorder.news import News
from recorder.ops.rebuild import Rebuilt, rebuild
from recorder.ops.rebuild_projection import rebuild_projection
from recorder.ops.verify import verify
from recorder.projections import PROJECTIONS
from recorder.quarantine import find_all, skip
from recorder.store import open_store
from schemas.problems import CannotStart
from tests.support import recorder_spec as spec
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, all_shown, fake_worker, new_id
from tests.support.sse_frames import frames


@pytest.fixture
async def recorder(own_nats: NatsServer, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(settings_for(tmp_path, own_nats.url)) as recorder:
        yield recorder


@pytest.fixture
async def worker(recorder: Running, own_nats: NatsServer) -> AsyncIterator[FakeWorker]:
    async with fake_worker(own_nats.url) as worker:
        yield worker


def new_run() -> FakeRun:
    return FakeRun("w1", new_id(), new_id())


def database_of(recorder: Running) -> Path:
    return Path(recorder.settings.database)


async def rebuilt(recorder: Running, **options: Any) -> Rebuilt:
    return await rebuild(recorder.settings.nats_url, database_of(recorder), **options)


async def is_equal(recorder: Running) -> bool:
    found = await verify(recorder.settings.nats_url, database_of(recorder))
    assert found.difference is None, found
    return found.equal


async def finished_run(worker: FakeWorker, events: int = 20) -> FakeRun:
    run = new_run()
    begun = (run.launching(), run.ready())
    await worker.publish(run, *begun, *(run.event("x.y") for _ in range(events)), run.ended())
    return run


async def sequences(recorder: Running, run: FakeRun) -> list[int]:
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = await recorder.get(f"/v1/runs/{run.run_id}/events", limit=100, **cursor)
        found += [event["sequence"] for event in page["data"]]
        if not page.get("nextCursor"):
            return found
        cursor = {"cursor": page["nextCursor"]}


@asynccontextmanager
async def in_background(*jobs: Any) -> AsyncIterator[list[asyncio.Task[Any]]]:
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield tasks
    finally:
        await cancelling.end(tasks)


class Traffic:
    """Requests of all kinds to a recorder, and a publisher and a follower of one run."""

    def __init__(self, recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
        self._recorder = recorder
        self._worker = worker
        self._run = run
        self.read_count = self.written_count = 0
        self.followed: list[int] = []
        self.stop = asyncio.Event()

    async def publish(self) -> None:
        while not self.stop.is_set():
            await self._worker.publish(self._run, self._run.event("x.y"))

    async def read(self) -> None:
        run = f"/v1/runs/{self._run.run_id}"
        while not self.stop.is_set():
            for path in (run, f"{run}/events", "/v1/runs"):
                answer = await self._recorder.http.get(path)
                assert answer.status_code == 200, answer.text
                self.read_count += 1

    async def write(self) -> None:
        while not self.stop.is_set():
            await self._recorder.post("/v1/spaces", {"name": "x"}, status=201)
            self.written_count += 1

    async def follow(self) -> None:
        path = f"/v1/runs/{self._run.run_id}/events/stream"
        async with frames(self._recorder.http, path) as stream:
            async for frame in stream:
                numbers = [frame.data["sequence"]] if frame.event == "run.event" else []
                self.followed += numbers


async def test_while_all_goes_on(recorder: Running, worker: FakeWorker) -> None:
    """Readers, a writer, a follower and a publisher during rebuilds: none fails, none sees a gap."""
    run = new_run()
    await worker.publish(run, run.launching(), run.ready())
    await all_shown(recorder, worker)
    traffic = Traffic(recorder, worker, run)
    jobs = [traffic.publish(), traffic.read(), traffic.read(), traffic.write()]
    async with in_background(*jobs, traffic.follow()) as tasks:
        for _ in range(4):
            reads, writes = traffic.read_count, traffic.written_count
            found = await rebuilt(recorder)
            assert (found.replaced, found.lost) == (True, ())
            while traffic.read_count == reads or traffic.written_count == writes:
                await asyncio.sleep(0.01)
            assert not [task for task in tasks if task.done()]
        traffic.stop.set()
        await asyncio.gather(*tasks[: len(jobs)])
        await worker.publish(run, run.ended())
        await asyncio.wait_for(tasks[-1], 60)
    assert traffic.followed == list(range(1, run.number + 1))
    assert await sequences(recorder, run) == traffic.followed
    assert await is_equal(recorder)


async def test_repairs_damaged_tables_without_a_recorder(
    own_nats: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        run = await finished_run(worker)
        await all_shown(recorder, worker)
    with closing(sqlite3.connect(settings.database)) as damaged:
        damaged.execute("DELETE FROM runs")
        damaged.commit()
    found = await rebuild(settings.nats_url, Path(settings.database))
    # What the run's worker told, the runtime it is of, and the run's digest if it was out in time.
    assert found.replaced
    assert found.events in {24, 25}
    async with running(settings) as recorder:
        assert (await recorder.get(f"/v1/runs/{run.run_id}"))["counts"]["events"] == 23
        assert await is_equal(recorder)


async def test_keeps_what_the_stream_dropped_by_age(recorder: Running, worker: FakeWorker) -> None:
    old, new = await finished_run(worker), await finished_run(worker)
    await all_shown(recorder, worker)
    await worker._js.purge_stream("RUNS", seq=30)
    found = await rebuilt(recorder)
    assert (found.replaced, found.kept, found.lost) == (True, 29, ())
    for run in (old, new):
        assert await sequences(recorder, run) == list(range(1, 24))


async def test_refuses_to_lose_what_only_the_log_has(recorder: Running, worker: FakeWorker) -> None:
    run = await finished_run(worker)
    await all_shown(recorder, worker)
    await worker._js.delete_msg("RUNS", 7)
    found = await rebuilt(recorder)
    assert not found.replaced
    assert [(each.stream, each.messages, each.runs) for each in found.lost] == [("RUNS", 1, 1)]
    assert await sequences(recorder, run) == list(range(1, 24))
    found = await rebuilt(recorder, accept_loss=True)
    assert found.replaced
    assert 7 not in await sequences(recorder, run)
    assert await is_equal(recorder)


async def test_dry_run_changes_nothing(recorder: Running, worker: FakeWorker) -> None:
    await finished_run(worker)
    await all_shown(recorder, worker)
    inode = database_of(recorder).stat().st_ino
    found = await rebuilt(recorder, dry_run=True)
    assert not found.replaced
    assert found.events >= 24
    assert database_of(recorder).stat().st_ino == inode


async def test_waits_for_readers_that_hold_the_file(recorder: Running, worker: FakeWorker) -> None:
    await finished_run(worker)
    await all_shown(recorder, worker)
    other = sqlite3.connect(f"file:{database_of(recorder)}?mode=ro", uri=True, isolation_level=None)
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM log").fetchone()
    await worker.publish(run := new_run(), run.launching())
    await all_shown(recorder, worker)
    async with in_background(rebuilt(recorder)) as [task]:
        assert (await recorder.http.get("/v1/runs")).status_code == 200
        await asyncio.wait((task,), timeout=1.5)
        assert not task.done()
        assert (await recorder.http.get("/v1/runs")).status_code == 200
        other.close()
        assert (await task).replaced
    assert await is_equal(recorder)


async def test_only_a_scratch_is_adopted(recorder: Running, tmp_path: Path) -> None:
    from recorder.admin import ask
    from recorder.admin.messages import Adopt, Refused

    stranger = tmp_path / "stranger.db"
    stranger.write_bytes(b"")
    answer = await ask(database_of(recorder), Adopt(file=str(stranger), streams=()))
    assert isinstance(answer, Refused)


async def test_needs_a_database(own_nats: NatsServer, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no database"):
        await rebuild(own_nats.url, tmp_path / "none.db")


async def test_decisions_about_the_quarantine_hold(own_nats: NatsServer, tmp_path: Path) -> None:
    """One message was skipped, one stays parked: so they are after a rebuild, and verify says equal."""
    settings = settings_for(tmp_path, own_nats.url)
    database = Path(settings.database)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        for _ in range(2):
            run = new_run()
            await worker.publish(run, run.launching())
            await worker.publish_raw(run.subject(run.event("x.y")), b"not JSON", "")
            await worker.publish(run, run.ready())
        await all_shown(recorder, worker)
    async with open_store(database, PROJECTIONS) as store:
        [skipped, parked] = await find_all(store)
        await skip(store, News(), skipped.stream, skipped.epoch, skipped.position)
        before = await spec.dump(store)
    assert (await verify(settings.nats_url, database)).equal
    assert (await rebuild(settings.nats_url, database)).replaced
    assert (await verify(settings.nats_url, database)).equal
    async with open_store(database, PROJECTIONS) as store:
        assert await spec.dump(store) == before
        assert [each.skipped for each in await find_all(store)] == [True, False]
        assert parked.position > skipped.position


async def test_one_projection_alone(recorder: Running, worker: FakeWorker) -> None:
    """Its tables are made of the log: neither the stream nor the other tables are looked at."""
    run = await finished_run(worker)
    await all_shown(recorder, worker)
    with closing(sqlite3.connect(database_of(recorder))) as damaged:
        damaged.execute("UPDATE runs SET events = 7")
        damaged.execute("UPDATE spaces SET name = 'mine'")
        damaged.commit()
    found = await rebuild_projection(database_of(recorder), "runs")
    assert (found.replaced, found.kept) == (True, 23)
    assert (await recorder.get(f"/v1/runs/{run.run_id}"))["counts"]["events"] == 23
    assert [each["name"] for each in (await recorder.get("/v1/spaces"))["data"]] == ["mine"]
    await finished_run(worker)
    await all_shown(recorder, worker)
    assert len((await recorder.get("/v1/runs"))["data"]) == 2


async def test_projection_that_there_is_not(recorder: Running) -> None:
    with pytest.raises(CannotStart, match="No projection is named 'run'"):
        await rebuild_projection(database_of(recorder), "run")

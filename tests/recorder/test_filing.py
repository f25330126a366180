"""What runs produce is filed once, by whichever recorder, and outlives them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recorder import app, filing, finaliser, retention
from recorder.ops.verify import verify
from recorder.store import Store
from schemas import subjects
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_artifacts import make, publish, told
from tests.support.recorder_retention import age, beside, finalised, has_left, started
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeWorker, fake_worker

TABLES = ("artifacts", "files")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for job in (filing, finaliser, retention):
        monkeypatch.setattr(job, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(retention, "MUCH", 0.0)  # or RUNS would have to be full, or a day to pass


@pytest.fixture
async def recorder(own_nats: NatsServer, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(settings_for(tmp_path, own_nats.url)) as recorder:
        yield recorder


@pytest.fixture
async def worker(recorder: Running, own_nats: NatsServer) -> AsyncIterator[FakeWorker]:
    async with fake_worker(own_nats.url) as worker:
        await recorder.until_startable()
        yield worker


async def filed_in_stream(worker: FakeWorker) -> int:
    """How many facts about files there are."""
    wanted = "control.*.file.*.created"
    info = await worker._js.stream_info(subjects.CONTROL, subjects_filter=wanted)
    return sum((info.state.subjects or {}).values())


async def test_two_recorders_file_each_artifact_once(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "AT_ONCE", 3)
    one = settings_for(tmp_path / "one", own_nats.url, recorder_id="one")
    two = settings_for(tmp_path / "two", own_nats.url, recorder_id="two")
    async with (
        app.open_recorder(one) as first,
        app.open_recorder(two) as second,
        fake_worker(own_nats.url) as worker,
    ):
        runs = [await worker.open() for _ in range(3)]
        for run in runs:
            data = [told(name=f"{number}.png") for number in range(4)]
            await worker.publish(run, *[run.event(each) for each in data])
            await worker.publish(run, run.event(data[0]))  # told again after a restart
        for recorder in (first, second):

            async def has_all(store: Store = recorder.store) -> bool:
                return [await _count(store, table) for table in TABLES] == [12, 12]

            await eventually(has_all)
        for table in TABLES:
            rows = [
                [tuple(row) for row in await each.store.rows(f"SELECT * FROM {table} ORDER BY id")]
                for each in (first, second)
            ]
            assert rows[0] == rows[1]
        assert await filed_in_stream(worker) == 12
    async with app.open_recorder(one) as first:  # beginning again changes nothing
        await eventually(lambda: first.consumers[0].lag == 0 and first.consumers[1].lag == 0)
        while await first.filing._some():
            pass
        assert [await _count(first.store, table) for table in TABLES] == [12, 12]


async def _count(store: Store, table: str) -> int:
    [row] = await store.rows(f"SELECT count(*) FROM {table}")
    return int(row[0])


async def test_files_outlive_their_run(
    recorder: Running, worker: FakeWorker, own_nats: NatsServer
) -> None:
    run = await started(recorder, worker)
    data = await make(recorder, worker, run, b"kept")
    paths = (f"/v1/runs/{run.run_id}/artifacts", f"/v1/runs/{run.run_id}/files", "/v1/files")
    before = [await recorder.get(path) for path in paths]
    await worker.end(run)
    await finalised(recorder, worker, run)
    await age(worker)
    await eventually(lambda: has_left(recorder, run))
    await eventually(lambda: beside(recorder, "SELECT * FROM artifacts") == [])
    assert [await recorder.get(path) for path in paths] == before
    content = await recorder.http.get(f"/v1/artifacts/{data.artifact_id}/content")
    assert (content.status_code, content.content) == (200, b"kept")
    proven = await verify(own_nats.url, Path(recorder.settings.database))
    assert proven.equal, proven.difference


async def test_no_run_leaves_before_what_it_produced_is_filed(
    recorder: Running, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONTROL is nearly full: what is set up goes before."""
    monkeypatch.setattr(filing, "FULL", 0.0)
    run, other = await started(recorder, worker), await started(recorder, worker)
    await publish(recorder, worker, run, run.event(told()))
    for each in (run, other):
        await worker.end(each)
    await finalised(recorder, worker, run, other)
    await age(worker)
    await eventually(lambda: has_left(recorder, other))
    assert not await has_left(recorder, run)

    async def alarms() -> list[str]:
        return list((await recorder.get("/readyz"))["checks"].get("alarms", []))

    assert "CONTROL is" in (await eventually(alarms))[0]
    assert len((await recorder.get(f"/v1/runs/{run.run_id}/artifacts"))["data"]) == 1
    monkeypatch.setattr(filing, "FULL", 0.9)
    await eventually(lambda: has_left(recorder, run))
    assert len((await recorder.get(f"/v1/runs/{run.run_id}/artifacts"))["data"]) == 1
    assert "alarms" not in (await recorder.get("/readyz"))["checks"]


async def test_tables_made_anew_are_the_same(
    recorder: Running, worker: FakeWorker, own_nats: NatsServer
) -> None:
    run = await started(recorder, worker)
    await publish(recorder, worker, run, *[run.event(told(kind="pdf")) for _ in range(3)])
    await eventually(lambda: len(beside(recorder, "SELECT * FROM files")) == 3)
    proven = await verify(own_nats.url, Path(recorder.settings.database))
    assert proven.equal, proven.difference
    assert [len(beside(recorder, f"SELECT * FROM {table}")) for table in TABLES] == [3, 3]


@pytest.mark.parametrize("artifact_id", ["a b", "x" * 5000, "", "../x"])
async def test_an_id_that_is_none_parks_its_run_alone(
    recorder: Running, worker: FakeWorker, artifact_id: str
) -> None:
    bad, good = await started(recorder, worker), await started(recorder, worker)
    await publish(recorder, worker, bad, bad.event(told(artifact_id=artifact_id)))
    await publish(recorder, worker, good, good.event(told()))
    await eventually(lambda: len(beside(recorder, "SELECT * FROM files")) == 1)
    parked = beside(recorder, "SELECT owner, code FROM quarantine")
    assert [tuple(row) for row in parked] == [(bad.run_id, "event.unreadable")]


async def test_what_can_never_be_sent_holds_back_nothing_else(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a table that an older program made may have it."""
    monkeypatch.setattr(filing, "FULL", 0.0)
    async with (
        app.open_recorder(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url) as worker,
    ):
        run = await worker.open()
        data = [told(), told()]
        position = await worker.publish(run, *[run.event(each) for each in data])
        await recorder.news.wait_for_position(subjects.RUNS, position, 10)
        spoil = "UPDATE artifacts SET id = 'a b' WHERE id = ?"
        await recorder.store.write(lambda to: to.execute(spoil, (data[0].artifact_id,)))
        monkeypatch.setattr(filing, "FULL", 0.9)

        async def is_filed() -> bool:
            ids = [row["id"] for row in await recorder.store.rows("SELECT id FROM files")]
            return ids == [data[1].artifact_id]

        await eventually(is_filed)
        assert f"An artifact of run {run.run_id}" in str(recorder.filing.alarm)


async def test_alarm_ends_when_another_recorder_has_filed_what_waited(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "FULL", 0.0)
    async with (
        app.open_recorder(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url) as worker,
    ):
        run, data = await worker.open(), told()
        await worker.publish(run, run.event(data))
        await eventually(lambda: recorder.filing.alarm is not None)
        [row] = await recorder.store.rows("SELECT * FROM artifacts")
        await recorder.facts.create_file(filing._file_of(row), run.space_id)
        await eventually(lambda: recorder.filing.alarm is None)

"""What a stream lost is published back from the log of a recorder, and the tables are the stream's again."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from recorder.ops.rebuild import rebuild
from recorder.ops.repair import repair
from recorder.ops.verify import verify
from tests.support.eventually import eventually
from tests.support.faults.stream import nats_client, read_stream
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, all_shown, fake_worker, new_id

Break = Callable[[NatsServer, Path, FakeWorker], Awaitable[None]]


def new_run() -> FakeRun:
    return FakeRun("w1", new_id(), new_id())


async def publish_run(worker: FakeWorker, events: int = 10) -> FakeRun:
    """A run from its beginning to its end: nobody judges it lost, however slow the machine is."""
    run = new_run()
    begun = (run.launching(), run.ready())
    await worker.publish(run, *begun, *(run.event("x.y") for _ in range(events)), run.ended())
    return run


async def state_of(recorder: Running, stream: str = "RUNS") -> str:
    checks = (await recorder.http.get("/readyz")).json()["checks"]
    return str(checks[stream]["state"])


async def stored(nats: NatsServer, stream: str = "RUNS") -> Counter[str]:
    """How often the stream holds which id."""
    async with nats_client(nats.url) as client:
        messages = await read_stream(client, stream)
    return Counter(message.message_id for message in messages)


async def nothing_since(nats: NatsServer, copy: Path, worker: FakeWorker) -> None:
    """An older copy of the server's files."""
    await roll_back(nats, copy)


async def others_since(nats: NatsServer, copy: Path, worker: FakeWorker) -> None:
    """An older copy, and at the same positions other events before anybody looked."""
    await roll_back(nats, copy)
    async with fake_worker(nats.url, "w2") as other:
        await publish_run(other, events=5)


async def made_anew(nats: NatsServer, copy: Path, worker: FakeWorker) -> None:
    """The stream deleted, and one of that name made."""
    config = (await worker._js.stream_info("RUNS")).config
    await worker._js.delete_stream("RUNS")
    await worker._js.add_stream(config)
    await publish_run(worker, events=3)


async def roll_back(nats: NatsServer, copy: Path) -> None:
    await nats.kill()
    shutil.rmtree(nats.directory / "jetstream")
    shutil.copytree(copy, nats.directory / "jetstream")
    await nats.start()


async def copy_files(nats: NatsServer, copy: Path) -> None:
    await nats.stop()
    shutil.copytree(nats.directory / "jetstream", copy)
    await nats.start()


@pytest.mark.parametrize("broken", [nothing_since, others_since, made_anew])
async def test_puts_back_what_a_stream_lost(
    own_nats: NatsServer, tmp_path: Path, broken: Break
) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    database = Path(settings.database)
    state = "made_anew" if broken is made_anew else "rolled_back"
    async with running(settings) as recorder:
        async with fake_worker(own_nats.url) as worker:
            kept = await publish_run(worker)
            await all_shown(recorder, worker)
        await copy_files(own_nats, tmp_path / "copy")
        async with fake_worker(own_nats.url) as worker:
            lost = [await publish_run(worker, events=600), await publish_run(worker)]
            await eventually(lambda: makes_space(recorder, "lost too"))
            await all_shown(recorder, worker)
            before = await stored(own_nats)
            await broken(own_nats, tmp_path / "copy", worker)
        await eventually(lambda: is_state(recorder, state))
        assert not (await verify(settings.nats_url, database)).equal
        refused = await rebuild(settings.nats_url, database)
        assert (refused.replaced, bool(refused.lost)) == (False, True)

        told = await repair(settings.nats_url, database, dry_run=True)
        assert (told.published, told.replaced) == (0, False)
        assert set(before) - set(await stored(own_nats))
        of_runs = {each.run_id: each.messages for each in told.lost if each.stream == "RUNS"}
        assert [of_runs[each.run_id] for each in lost] == [603, 13]
        assert (kept.run_id in of_runs) == (broken is made_anew)

        found = await repair(settings.nats_url, database)
        assert found.published == sum(each.messages for each in told.lost)
        assert found.replaced == (broken is not nothing_since)
        now = await stored(own_nats)
        assert set(before) <= set(now)
        assert set(now.values()) == {1}
        await eventually(lambda: is_state(recorder, "following"))
        async with fake_worker(own_nats.url) as worker:
            await worker.publish(lost[1], lost[1].event("x.y"))  # late, and there
            await all_shown(recorder, worker)
        for run in (kept, *lost):
            page = await recorder.get(f"/v1/runs/{run.run_id}")
            assert (page["counts"]["events"], page["missing"]) == (run.number, [])
        names = [each["name"] for each in (await recorder.get("/v1/spaces"))["data"]]
        assert "lost too" in names
        proven = await verify(settings.nats_url, database)
        assert proven.difference is None
        assert proven.equal
        assert await repair(settings.nats_url, database) is not None


async def is_state(recorder: Running, state: str) -> bool:
    return await state_of(recorder) == state


async def makes_space(recorder: Running, name: str) -> bool:
    """False while NATS is away for it."""
    return (await recorder.http.post("/v1/spaces", json={"name": name})).status_code == 201


async def test_nothing_to_repair(own_nats: NatsServer, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        await publish_run(worker)
        await all_shown(recorder, worker)
        await worker._js.delete_msg("RUNS", 3)  # erased by someone, not lost by the stream
        found = await repair(settings.nats_url, Path(settings.database))
        assert (found.broken, found.published, found.replaced) == ((), 0, False)
        assert len(await stored(own_nats)) == 12


async def test_stream_that_is_brought_back_is_followed_again(
    own_nats: NatsServer, tmp_path: Path
) -> None:
    """An operator puts the wrong backup in place, then the right one: no restart, no command."""
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings) as recorder:
        async with fake_worker(own_nats.url) as worker:
            await publish_run(worker)
            await all_shown(recorder, worker)
        await copy_files(own_nats, tmp_path / "older")
        async with fake_worker(own_nats.url) as worker:
            run = await publish_run(worker)
            await all_shown(recorder, worker)
        await copy_files(own_nats, tmp_path / "newest")
        await roll_back(own_nats, tmp_path / "older")
        await eventually(lambda: is_state(recorder, "rolled_back"))
        await roll_back(own_nats, tmp_path / "newest")
        await eventually(lambda: is_state(recorder, "following"))
        async with fake_worker(own_nats.url) as worker:
            await worker.publish(run, run.event("x.y"))
            await all_shown(recorder, worker)
        page = await recorder.get(f"/v1/runs/{run.run_id}")
        assert (page["counts"]["events"], page["missing"]) == (14, [])

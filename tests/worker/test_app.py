"""The worker process as a whole: a part of it that dies takes the rest with it, and says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from schemas.requests import RunStarted
from schemas.streams import FORMAT_KEY
from tests.support.eventually import eventually
from tests.support.living import living
from tests.support.nats_server import NatsServer
from tests.support.worker_host import Fleet
from tests.support.worker_process import worker_process
from worker.outbox import Outbox

pytestmark = [pytest.mark.nats, pytest.mark.browser]

# Each breaks one part as soon as a file is there.
BROKEN = {
    "publisher": "from worker.publisher import Publisher as Part; method = '_trouble_comes'",
    "host": "from worker.host import Host as Part; method = '_beat'",
    "look": "from worker.host import Host as Part; method = '_stop_what_was_lost'",
    "background": "from worker.host import Host as Part; method = '_until_released'",
}
BREAK = """
import asyncio, pathlib
{part}
whole = getattr(Part, method)

async def broken(self, *given):
    found = asyncio.ensure_future(whole(self, *given))
    while not found.done():
        if pathlib.Path({path!r}).exists():
            raise RuntimeError("broken by a test")
        await asyncio.sleep(0.01)
    return await found

setattr(Part, method, broken)
"""


@pytest.mark.parametrize("part", ["publisher", "host"])
async def test_a_part_that_dies_ends_the_process(
    server: NatsServer, fleet: Fleet, tmp_path: Path, part: str
) -> None:
    told = tmp_path / "die"
    before = BREAK.format(part=BROKEN[part], path=str(told))
    async with worker_process(server.url, tmp_path, before=before) as worker:
        await eventually(fleet.is_served, 40, explain=worker.said)
        assert isinstance(await fleet.start("rt-1"), RunStarted)
        browser = psutil.Process(worker.pid).children(recursive=True)
        told.touch()
        await eventually(lambda: worker.process.returncode is not None, 40, explain=worker.said)
        assert worker.process.returncode not in (0, None)
        assert "worker.part_died" in worker.said()
        assert "broken by a test" in worker.said()
        await eventually(lambda: not living(browser), explain=lambda: living(browser))
    told.unlink()
    async with worker_process(server.url, tmp_path) as worker:
        ((_, _, _, code),) = await eventually(fleet.ends, 40, explain=worker.said)
        assert code == "runtime.host_restarted"


async def test_what_fails_in_the_background_ends_the_process(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    """Nobody awaits it: without that, a claim would be held for ever and nobody would know why."""
    told = tmp_path / "die"
    before = BREAK.format(part=BROKEN["background"], path=str(told))
    async with worker_process(server.url, tmp_path, before=before) as worker:
        await eventually(fleet.is_served, 40, explain=worker.said)
        started = await fleet.start("rt-1")
        assert isinstance(started, RunStarted)
        told.touch()
        stopping = asyncio.create_task(fleet.stop("rt-1", started.run_id))  # may not be answered
        await eventually(lambda: worker.process.returncode is not None, 40, explain=worker.said)
        stopping.cancel()
        assert "background.failed" in worker.said()
        assert "worker.part_died" in worker.said()


async def test_a_part_that_dies_while_it_drains_ends_the_process(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    """NATS is away, for which it would wait as long as it takes."""
    told = tmp_path / "die"
    before = BREAK.format(part=BROKEN["look"], path=str(told))
    async with worker_process(server.url, tmp_path, before=before) as worker:
        await eventually(fleet.is_served, 40, explain=worker.said)
        assert isinstance(await fleet.start("rt-1"), RunStarted)
        await fleet.drain(1)
        await server.stop()
        await eventually(lambda: "runtime.ended" in worker.said(), 20, explain=worker.said)
        told.touch()
        await eventually(lambda: worker.process.returncode is not None, 40, explain=worker.said)
        assert worker.process.returncode not in (0, None)
        assert "worker.part_died" in worker.said()
    await server.start()


async def test_a_spool_of_a_later_version_is_refused_in_a_sentence(
    server: NatsServer, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    Outbox.open(state / "outbox").close()
    (state / "outbox" / "version").write_text("2\n")
    async with worker_process(server.url, tmp_path) as worker:
        await eventually(lambda: worker.process.returncode is not None, 40, explain=worker.said)
    assert worker.process.returncode not in (0, None)
    assert "was written by a later version of Runreel" in " ".join(worker.said().split())
    assert "Traceback" not in worker.said()


@pytest.mark.parametrize("bucket", ["workers", "claims"])
async def test_bucket_of_a_later_version_is_refused(
    server: NatsServer, fleet: Fleet, tmp_path: Path, bucket: str
) -> None:
    made = (await fleet.jetstream.stream_info(f"KV_{bucket}")).config
    await fleet.jetstream.update_stream(made.evolve(metadata={FORMAT_KEY: "2"}))
    async with worker_process(server.url, tmp_path) as worker:
        await eventually(lambda: worker.process.returncode is not None, 40, explain=worker.said)
        assert f"The bucket {bucket} on the NATS server is of format 2" in worker.said()

"""What a dead worker left, and what its successor does about it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from schemas import ends, subjects
from schemas.codec import encode
from schemas.requests import Claim, RunStarted
from tests.support.eventually import eventually
from tests.support.living import living
from tests.support.nats_server import NatsServer
from tests.support.worker_events import new_log, say
from tests.support.worker_host import GATEWAY, SPACE, WORKER, Fleet, is_free, serving, silence
from tests.support.worker_process import worker_process
from worker.outbox import Outbox

pytestmark = [pytest.mark.nats, pytest.mark.browser]


async def test_worker_is_killed_and_comes_back(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        started = await fleet.start("rt-1")
        assert isinstance(started, RunStarted)
        await worker.die()
        runtime = worker.host.find_run(started.run_id)
        assert runtime is not None
        last = runtime.log.last
        silence(runtime)
    async with serving(fleet, server.url, tmp_path):
        await eventually(fleet.ends)
        assert await fleet.ends() == [("rt-1", last + 1, "failed", "runtime.host_restarted")]
        numbers = [event.number for event in await fleet.events()]
        assert numbers == list(range(1, last + 2))
        await eventually(lambda: is_free(fleet, "rt-1"))
        again = await fleet.start("rt-1")
        assert isinstance(again, RunStarted)
        assert again.started
        assert again.run_id != started.run_id


async def test_worker_comes_back_with_events_that_were_not_sent(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    claim = Claim(worker_id=WORKER, run_id="run-1", space_id=SPACE, gateway_url=GATEWAY)
    await (await fleet.bucket(subjects.CLAIMS_BUCKET)).put("runtime-1", encode(claim))
    other = Claim(worker_id="w2", run_id="run-2", space_id=SPACE, gateway_url=GATEWAY)
    await (await fleet.bucket(subjects.CLAIMS_BUCKET)).put("runtime-2", encode(other))
    left = Outbox.open(tmp_path / "outbox")
    say(new_log(left), "one", "two", "three")
    left.close()
    async with serving(fleet, server.url, tmp_path):
        await eventually(fleet.ends)
        assert await fleet.ends() == [("runtime-1", 4, "failed", "runtime.host_restarted")]
        assert [event.number for event in await fleet.events()] == [1, 2, 3, 4]
        await eventually(lambda: is_free(fleet, "runtime-1"))
        assert await fleet.claim_of("runtime-2") == other  # another worker's is not ours to end


@pytest.fixture
async def left(fleet: Fleet, tmp_path: Path) -> Outbox:
    """An outbox in which a worker that died has left three events of a run that it had claimed."""
    await fleet.put_claim("runtime-1", OURS)
    outbox = Outbox.open(tmp_path / "outbox")
    say(new_log(outbox), "one", "two", "three")
    return outbox


OURS = Claim(worker_id=WORKER, run_id="run-1", space_id=SPACE, gateway_url=GATEWAY)


async def test_what_is_sent_after_a_restart_has_the_same_ids(
    server: NatsServer, fleet: Fleet, tmp_path: Path, left: Outbox
) -> None:
    ids = [entry.event_id for entry in left.entries]
    left.close()
    async with serving(fleet, server.url, tmp_path):
        await eventually(fleet.ends)
        assert [event.id for event in await fleet.events()][:3] == ids


async def test_a_recorder_has_ended_the_run_meanwhile(
    server: NatsServer, fleet: Fleet, tmp_path: Path, left: Outbox
) -> None:
    """Its claim is gone: nothing is said of its end, but what it did is published."""
    left.close()
    await (await fleet.bucket(subjects.CLAIMS_BUCKET)).delete("runtime-1")
    async with serving(fleet, server.url, tmp_path) as worker:
        await eventually(lambda: len(worker.outbox) == 0)
        assert [event.number for event in await fleet.events()] == [1, 2, 3]
        assert await fleet.ends() == []


async def test_somebody_else_runs_that_runtime_meanwhile(
    server: NatsServer, fleet: Fleet, tmp_path: Path, left: Outbox
) -> None:
    left.close()
    theirs = Claim(worker_id="w2", run_id="run-2", space_id=SPACE, gateway_url=GATEWAY)
    await fleet.put_claim("runtime-1", theirs)
    async with serving(fleet, server.url, tmp_path) as worker:
        await eventually(lambda: len(worker.outbox) == 0)
        assert await fleet.ends() == []
    assert await fleet.claim_of("runtime-1") == theirs


async def test_a_run_that_had_ended_already_ends_once(
    server: NatsServer, fleet: Fleet, tmp_path: Path, left: Outbox
) -> None:
    """The worker died between the last event and giving the claim back."""
    new_log(left, last=3).end(ends.REQUESTED)
    left.close()
    async with serving(fleet, server.url, tmp_path):
        await eventually(lambda: is_free(fleet, "runtime-1"))
        assert await fleet.ends() == [("runtime-1", 4, "stopped", "runtime.stop_requested")]


async def test_a_run_that_had_ended_on_the_stream_ends_once(
    server: NatsServer, fleet: Fleet, tmp_path: Path, left: Outbox
) -> None:
    new_log(left, last=3).end(ends.REQUESTED)
    left.close()
    async with serving(fleet, server.url, tmp_path):
        await eventually(lambda: is_free(fleet, "runtime-1"))
    await fleet.put_claim("runtime-1", OURS)
    async with serving(fleet, server.url, tmp_path):
        await eventually(lambda: is_free(fleet, "runtime-1"))
        assert len(await fleet.ends()) == 1


async def test_its_browser_is_gone_and_its_directory_swept(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    """A worker process that is killed for real, by `runreel worker` as a user starts it."""
    async with worker_process(server.url, tmp_path) as worker:
        await eventually(fleet.is_served)
        started = await fleet.start("rt-1")
        assert isinstance(started, RunStarted)
        browser = psutil.Process(worker.pid).children(recursive=True)
        assert browser
        assert list(worker.runs.iterdir())
        os.kill(worker.pid, signal.SIGKILL)
        await worker.process.wait()
    numbered = await last_number(fleet, worker.outbox)
    await eventually(lambda: not living(browser), explain=lambda: living(browser))
    async with worker_process(server.url, tmp_path):
        ended = await eventually(fleet.ends)
        assert ended == [("rt-1", numbered + 1, "failed", "runtime.host_restarted")]
        assert not list(worker.runs.iterdir())
        await eventually(lambda: is_free(fleet, "rt-1"))


async def last_number(fleet: Fleet, outbox: Path) -> int:
    """What the worker had numbered: on the stream or on its disk."""
    left = Outbox.open(outbox)
    numbers = [event.number for event in left.left.values()]
    left.close()
    return max([*numbers, *(event.number for event in await fleet.events())])


async def test_a_run_whose_file_was_told_after_its_end_is_not_ended_again(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    await fleet.put_claim("runtime-1", OURS)
    left = Outbox.open(tmp_path / "outbox")
    run_log = new_log(left)
    say(run_log, "one")
    run_log.end(ends.REQUESTED)
    say(run_log, "a file that came late")
    left.close()
    async with serving(fleet, server.url, tmp_path):
        await eventually(lambda: is_free(fleet, "runtime-1"))
        assert await fleet.ends() == [("runtime-1", 2, "stopped", "runtime.stop_requested")]
        assert [event.number for event in await fleet.events()] == [1, 2, 3]

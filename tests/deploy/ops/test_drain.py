"""`runreel worker drain`: a real worker leaves; one that dies meanwhile is told of; one that is not there, too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from recorder import bus as buses
from recorder.ops import draining
from schemas.requests import Draining, Heartbeat, RunStarted
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.ops.commands import runreel
from tests.support.recorder_running import running, settings_for
from tests.support.recorder_worker import fake_worker
from tests.support.stack import Stack
from tests.support.worker_host import WORKER, Fleet
from tests.support.worker_process import worker_process

pytestmark = pytest.mark.nats


@pytest.mark.browser
async def test_worker_leaves(own_nats: NatsServer, tmp_path: Path) -> None:
    fleet = await Fleet.make(own_nats.url)
    async with worker_process(own_nats.url, tmp_path) as worker:
        await eventually(fleet.is_served, 40, explain=worker.said)
        assert isinstance(await fleet.start("rt-1"), RunStarted)
        done = await runreel(
            *("worker", "drain", "--worker", WORKER, "--deadline", 1, "--json"),
            RUNREEL_NATS_URL=own_nats.url,
        )
        assert (done.code, done.err) == (0, "")
        answer = done.answer
        assert (answer["workerId"], answer["active"], answer["left"]) == (WORKER, 1, True)
        assert 1 <= answer["seconds"] < 20
        await eventually(lambda: worker.process.returncode is not None)
        assert worker.process.returncode == 0
    [(_, _, status, code)] = await fleet.ends()
    assert (status, code) == ("stopped", "runtime.host_drained")
    await fleet.close()


@pytest.mark.browser
async def test_worker_of_up_stays_down(tmp_path: Path) -> None:
    async with Stack(tmp_path) as stack:
        run = await stack.run()
        done = await runreel("worker", "drain", "--data", stack.data, "--deadline", "0")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("✓ local has left after ")
        assert (await run.ended())["status"] == "stopped"
        said = tmp_path / "up.out"
        await eventually(lambda: "worker has left: it was drained" in said.read_text())
        refused = await stack.http.post(f"/v1/runtimes/{run.runtime_id}/start")
        assert (refused.status_code, refused.json()["error"]) == (503, "No worker is there.")


async def test_worker_that_is_not_there(own_nats: NatsServer) -> None:
    done = await runreel(
        *("worker", "drain"), RUNREEL_NATS_URL=own_nats.url, RUNREEL_WORKER_ID="nobody"
    )
    assert done.code == 1
    assert "No worker nobody is there." in done.err


async def test_nats_that_is_not_there() -> None:
    done = await runreel("worker", "drain", RUNREEL_NATS_URL="nats://127.0.0.1:1")
    assert done.code == 69


async def test_worker_that_falls_silent(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "SILENT_SECONDS", 5.0)
    seen: list[Heartbeat] = []
    async with (
        running(settings_for(tmp_path, own_nats.url)),
        fake_worker(own_nats.url, "w1", beat_seconds=0.1) as worker,
        buses.connect(own_nats.url, "test") as bus,
    ):
        worker.drain_with = Draining(active=2)
        asked = asyncio.create_task(draining.drain(bus, "w1", 60, seen.append))
        await eventually(lambda: len(seen) > 3)
        worker.silent = True
        drained = await asked
    assert (drained.left, drained.active) == (False, 2)

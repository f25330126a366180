"""What a recorder asks of a worker that has a run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recorder.app import open_recorder
from recorder.fleet import Fleet
from schemas.problems import RuntimeNotActive
from schemas.requests import ListTargets, ReconfigureRun
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, new_id


@pytest.fixture
async def fleet(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Fleet]:
    """That of another recorder."""
    settings = settings_for(tmp_path, nats_server.url, recorder_id="r2")
    async with open_recorder(settings) as recorder:
        yield recorder.fleet


async def test_reconfigured(fleet: Fleet, worker: FakeWorker, run: FakeRun) -> None:
    await fleet.reconfigure(run.runtime_id, 60)
    await fleet.reconfigure(run.runtime_id, None)
    asked = [each for each in worker.asked if each.run_id == run.run_id]
    assert asked == [
        ReconfigureRun(run_id=run.run_id, idle_timeout_seconds=60),
        ReconfigureRun(run_id=run.run_id, idle_timeout_seconds=None),
    ]


async def test_runtime_without_a_run_is_not_reconfigured(fleet: Fleet, worker: FakeWorker) -> None:
    before = len(worker.asked)
    await fleet.reconfigure(new_id(), 60)
    assert len(worker.asked) == before
    with pytest.raises(RuntimeNotActive):
        await fleet.ask_run(new_id(), lambda run_id: ListTargets(run_id=run_id))

"""One NATS server, one recorder and one worker for all tests that do not break anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from recorder import facts, workers
from recorder.api import frame, invocations, runs, runtimes, search
from tests.support.eventually import LIMIT_S
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, fake_worker


@pytest.fixture(scope="session", autouse=True)
def _patient() -> Iterator[None]:
    """The recorder waits for its tables as long as a busy machine takes. Tests of these limits set small ones."""
    limits = {
        frame: "CATCH_UP_SECONDS",
        invocations: "SHOWN_SECONDS",
        runs: "SETTLE_SECONDS",
        runtimes: "SHOWN_SECONDS",
        search: "CATCH_UP_SECONDS",
        facts: "SHOWN_SECONDS",
        workers: "SHOWN_SECONDS",
    }
    with pytest.MonkeyPatch.context() as patch:
        for module, name in limits.items():
            patch.setattr(module, name, LIMIT_S)
        yield


@pytest.fixture(scope="session")
async def nats_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
async def recorder(
    nats_server: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    settings = settings_for(tmp_path_factory.mktemp("recorder"), nats_server.url)
    async with running(settings) as recorder:
        yield recorder


@pytest.fixture(scope="session")
async def worker(recorder: Running, nats_server: NatsServer) -> AsyncIterator[FakeWorker]:
    async with fake_worker(nats_server.url, capacity=1000) as worker:  # no test stops its runs
        await recorder.until_startable()
        yield worker


@pytest.fixture
async def run(recorder: Running, worker: FakeWorker) -> FakeRun:
    """An active run of a runtime of its own, with two events so far."""
    runtime = await recorder.post("/v1/runtimes", {}, status=201)
    started = await recorder.post(f"/v1/runtimes/{runtime['id']}/start")
    return worker.runs[started["runId"]]


@pytest.fixture
async def own_nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A NATS server that a test may kill."""
    async with NatsServer(tmp_path / "nats") as server:
        yield server

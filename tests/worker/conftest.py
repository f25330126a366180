"""One browser under a real worker `Runtime`, for all tests that break nothing in it; a NATS server for each test."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.nats_server import NatsServer
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import CdpClient, CdpPage, CdpRefused, cdp_client
from tests.support.worker_host import Fleet
from tests.support.worker_pages import Pages


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
async def fleet(server: NatsServer) -> AsyncIterator[Fleet]:
    fleet = await Fleet.make(server.url)
    yield fleet
    await fleet.close()


@pytest.fixture(scope="session")
async def site() -> AsyncIterator[Pages]:
    async with Pages() as site:
        yield site


@pytest.fixture(scope="session")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealRuntime]:
    async with real_runtime(tmp_path_factory.mktemp("runtime")) as real:
        yield real


@pytest.fixture
async def client(real: RealRuntime) -> AsyncIterator[CdpClient]:
    async with cdp_client(real.connect_url) as client:
        yield client


@pytest.fixture
async def page(client: CdpClient) -> AsyncIterator[CdpPage]:
    page = await client.new_page()
    yield page
    if not client.closed.is_set():
        with contextlib.suppress(CdpRefused):  # it is closed already
            await page.close()

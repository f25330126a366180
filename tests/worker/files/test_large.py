"""A large download goes through the worker without being in its memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from deploy.site.servers import serving
from schemas.artifacts import object_path
from schemas.codec import decode_data
from schemas.events.artifact import ArtifactCreated
from schemas.requests import RunStarted
from schemas.tokens import connect_url
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_cdp import cdp_client
from tests.support.worker_host import SECRET, SPACE, Fleet
from tests.support.worker_process import worker_process

pytestmark = [pytest.mark.nats, pytest.mark.browser, pytest.mark.slow]

MIB = 1024**2
SIZE_BYTES = 256 * MIB
MORE_BYTES = 30 * MIB
START_SECONDS = 40
PART = bytes(range(256)) * 4096  # 1 MiB


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    asked = await reader.readuntil(b"\r\n\r\n")
    size = SIZE_BYTES if b" /large " in asked else 0
    disposition = b"Content-Disposition: attachment; filename=large.bin\r\n" if size else b""
    writer.write(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (disposition, size))
    for _ in range(size // len(PART)):
        writer.write(PART)
        await writer.drain()


@pytest.fixture
async def large_site() -> AsyncIterator[str]:
    async with serving(_answer) as port:
        yield f"http://127.0.0.1:{port}"


class Memory:
    """What a process has, and the most it had while one looked."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.before = self.most = self._process.memory_info().rss

    def look(self) -> None:
        self.most = max(self.most, self._process.memory_info().rss)


async def _created(fleet: Fleet, memory: Memory) -> list[ArtifactCreated]:
    memory.look()
    found = [decode_data(event) for event in await fleet.events()]
    return [data for data in found if isinstance(data, ArtifactCreated)]


async def test_memory_stays(
    server: NatsServer, fleet: Fleet, large_site: str, tmp_path: Path
) -> None:
    async with worker_process(server.url, tmp_path) as worker:
        await eventually(fleet.is_served, START_SECONDS)
        started = await fleet.start("rt-1")
        assert isinstance(started, RunStarted)
        async with cdp_client(connect_url(started.gateway_url, SECRET, started.run_id)) as client:
            page = await client.new_page()
            await page.goto(f"{large_site}/")
            memory = Memory(worker.pid)
            await page.evaluate("void (location.href = '/large')")
            (data,) = await eventually(lambda: _created(fleet, memory))
        assert data.size_bytes == SIZE_BYTES
        assert memory.most - memory.before < MORE_BYTES
        stored = tmp_path / "artifacts" / object_path(SPACE, data.artifact_id)
        with stored.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == data.sha256
        assert stored.stat().st_size == SIZE_BYTES

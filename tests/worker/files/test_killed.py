"""Neither side need be there: a worker that is killed, a store that is away, a disk that is full."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.artifacts import object_path
from schemas.codec import decode_data
from schemas.events.artifact import ArtifactCreated
from schemas.requests import RunStarted
from schemas.tokens import connect_url
from tests.support.artifact_stores import S3Server
from tests.support.eventually import eventually
from tests.support.faults.small_disk import small_disk
from tests.support.nats_server import NatsServer
from tests.support.worker_cdp import cdp_client
from tests.support.worker_host import SECRET, SPACE, WORKER, Fleet
from tests.support.worker_process import worker_process
from tests.support.worker_server import Reply, Server
from worker.artifacts import Artifacts
from worker.files.laid import Laid
from worker.files.pending import About, DiskFull, Pending, PendingFiles

pytestmark = [pytest.mark.nats, pytest.mark.browser]

MIB = 1024**2
CONTENT = os.urandom(20 * MIB)
START_SECONDS = 40


@pytest.fixture
async def site() -> AsyncIterator[Server]:
    headers = {"Content-Disposition": "attachment; filename=x.bin"}
    async with Server({"/file": Reply(headers=headers, body=CONTENT)}) as site:
        yield site


async def _served(fleet: Fleet) -> RunStarted:
    await eventually(fleet.is_served, START_SECONDS)
    started = await fleet.start("rt-1")
    assert isinstance(started, RunStarted)
    return started


async def _created(fleet: Fleet) -> list[ArtifactCreated]:
    found = [decode_data(event) for event in await fleet.events()]
    return [data for data in found if isinstance(data, ArtifactCreated)]


async def test_a_download_outlives_its_worker_and_a_store_that_is_away(
    server: NatsServer,
    fleet: Fleet,
    site: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3 = S3Server(tmp_path / "s3")
    settings = {"RUNREEL_ARTIFACTS_URL": "s3://files/runreel", **s3.environment}
    uploads = tmp_path / "state" / "uploads"
    async with worker_process(server.url, tmp_path, **settings) as worker:
        started = await _served(fleet)
        async with cdp_client(connect_url(started.gateway_url, SECRET, started.run_id)) as client:
            page = await client.new_page()
            await page.goto(f"{site.url}/blank")
            await page.evaluate("void (location.href = '/file')")
            await eventually(lambda: list(uploads.glob("*.json")), START_SECONDS)
        os.kill(worker.pid, signal.SIGKILL)
    assert await _created(fleet) == []
    async with s3:
        s3.url("files")
        await (await fleet.bucket("workers")).delete(WORKER)
        async with worker_process(server.url, tmp_path, **settings):
            (data,) = await eventually(lambda: _created(fleet), START_SECONDS)
            await eventually(lambda: not list(uploads.iterdir()))
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        store = Artifacts.open("s3://files/runreel")
        path = object_path(SPACE, data.artifact_id)
        assert await store.find("artifacts") == [path]
        await store.get(path, into := io.BytesIO(), limit_bytes=len(CONTENT))
        assert into.getvalue() == CONTENT
        assert data.size_bytes == len(CONTENT)


@pytest.mark.parametrize("from_a_file", [True, False])
async def test_a_full_disk_keeps_nothing_half_written(tmp_path: Path, from_a_file: bool) -> None:
    about = About(kind="file", name="x", content_type="x/y")
    file = Pending(
        artifact_id="a",
        run_id="r",
        runtime_id="t",
        space_id="s",
        path="files/x",
        size_bytes=8 * MIB,
        about=about,
    )
    source = tmp_path / "source"
    source.write_bytes(bytes(8 * MIB))
    laid = Laid(tmp_path, "source")
    with small_disk(tmp_path / "disk") as disk:
        pending = PendingFiles.open(tmp_path / "disk" / "uploads", margin_bytes=0)
        disk.fill(leave_kib=256)
        with pytest.raises(DiskFull):
            await asyncio.to_thread(pending.take, laid if from_a_file else bytes(8 * MIB), file)
        assert list((tmp_path / "disk" / "uploads").iterdir()) == []
        assert source.exists()
        disk.free()
        await asyncio.to_thread(pending.take, laid, file)
        assert not source.exists()

"""Files that a worker did not get away before it died, and what its successor does about them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from uuid_utils import uuid7

from schemas.artifacts import object_path
from schemas.codec import decode_data
from schemas.envelope import Event
from schemas.events.artifact import ArtifactCreated
from schemas.requests import RunStarted
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_host import SPACE, Fleet, Worker, serving, silence
from worker.artifacts import Artifacts, ArtifactsUnreachable
from worker.files import run_files as run_files_module
from worker.files import uploads as uploads_module
from worker.files.pending import About, Pending, PendingFiles
from worker.runtime import Runtime

pytestmark = [pytest.mark.nats, pytest.mark.browser]


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A store that does not answer until this is undone."""

    async def refuse(*_: object) -> None:
        raise ArtifactsUnreachable("it is away")

    monkeypatch.setattr(run_files_module, "STORED_SECONDS", 0.05)
    monkeypatch.setattr(uploads_module, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(Artifacts, "put", refuse)
    return monkeypatch


async def _run(fleet: Fleet, worker: Worker, runtime_id: str = "rt-1") -> Runtime:
    started = await fleet.start(runtime_id)
    assert isinstance(started, RunStarted)
    runtime = worker.host.find_run(started.run_id)
    assert runtime is not None
    return runtime


async def _keep(runtime: Runtime, content: bytes) -> str:
    about: dict[str, Any] = {"kind": "file", "name": "a", "content_type": "text/plain"}
    return (await runtime.files.keep(content, **about)).artifact_id


async def _created(fleet: Fleet) -> list[tuple[Event, ArtifactCreated]]:
    return [
        (event, data)
        for event in await fleet.events()
        if isinstance(data := decode_data(event), ArtifactCreated)
    ]


async def _die(worker: Worker, runtime: Runtime) -> None:
    await worker.die()
    silence(runtime)
    for task in worker.uploads.background.tasks:
        task.cancel()
    await asyncio.sleep(0)


async def test_a_run_that_died_with_its_worker_gets_its_file(
    server: NatsServer, fleet: Fleet, tmp_path: Path, away: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        runtime = await _run(fleet, worker)
        artifact_id = await _keep(runtime, b"hello")
        await _die(worker, runtime)
    away.undo()
    async with serving(fleet, server.url, tmp_path):
        ((event, data),) = await eventually(lambda: _created(fleet))
        assert (data.artifact_id, event.runid) == (artifact_id, runtime.log.run_id)
        assert (tmp_path / "artifacts" / object_path(SPACE, artifact_id)).read_bytes() == b"hello"
        numbers = sorted(event.number for event in await fleet.events())
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(await fleet.ends()) == 1
        await eventually(lambda: not list((tmp_path / "pending").iterdir()))


async def test_a_run_that_had_ended_gets_it_with_the_next_number(
    server: NatsServer, fleet: Fleet, tmp_path: Path, away: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        runtime = await _run(fleet, worker)
        artifact_id = await _keep(runtime, b"hello")
        await fleet.stop("rt-1", runtime.log.run_id)
        last = runtime.log.last
        await _die(worker, runtime)
    away.undo()
    async with serving(fleet, server.url, tmp_path):
        ((event, data),) = await eventually(lambda: _created(fleet))
        assert (data.artifact_id, event.number) == (artifact_id, last + 1)
        assert [end[3] for end in await fleet.ends()] == ["runtime.stop_requested"]


async def test_what_was_told_is_not_told_again(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        runtime = await _run(fleet, worker)
        with monkeypatch.context() as patch:
            patch.setattr(PendingFiles, "remove", lambda *_: None)  # it dies before it can
            await _keep(runtime, b"hello")
        await _die(worker, runtime)
    assert len(list((tmp_path / "pending").iterdir())) == 2
    async with serving(fleet, server.url, tmp_path):
        await eventually(fleet.ends)
        assert list((tmp_path / "pending").iterdir()) == []
        assert len(await _created(fleet)) == 1


async def test_the_end_of_a_run_waits_for_a_store_that_is_away_once(
    server: NatsServer, fleet: Fleet, tmp_path: Path, away: pytest.MonkeyPatch
) -> None:
    """Not once for a download, once for the report, and once for all that is on its way."""
    away.setattr(run_files_module, "STORED_SECONDS", 10.0)
    async with serving(fleet, server.url, tmp_path) as worker:
        runtime = await _run(fleet, worker)
        keeping = asyncio.ensure_future(_keep(runtime, b"hello"))
        await eventually(lambda: len(worker.uploads) == 1)
        began = asyncio.get_running_loop().time()
        runtime.browser.kill()
        await asyncio.shield(runtime.ended)
        assert asyncio.get_running_loop().time() - began < 2 * 10.0
        await keeping
        assert len(worker.uploads) == 2
        away.undo()
        await eventually(lambda: _has(fleet, 2))
        numbers = [event.number for event, _ in await _created(fleet)]
        assert numbers == [runtime.log.last - 1, runtime.log.last]


async def _has(fleet: Fleet, count: int) -> bool:
    return len(await _created(fleet)) == count


async def test_who_gives_a_host_away_has_every_file_in_the_store(
    server: NatsServer, fleet: Fleet, tmp_path: Path, away: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        runtime = await _run(fleet, worker)
        await _keep(runtime, b"hello")
        await worker.host.drain()
        emptied = asyncio.ensure_future(worker.host.emptied())
        assert not (await asyncio.wait({emptied}, timeout=0.2))[0]
        away.undo()
        await emptied
        assert len(await _created(fleet)) == 1


async def test_a_file_of_a_run_that_nobody_knows_is_set_aside(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    ids = {"run_id": str(uuid7()), "runtime_id": "rt-1", "space_id": SPACE}
    about = About(kind="file", name="a", content_type="text/plain")
    file = Pending(artifact_id=str(uuid7()), path="files/a", size_bytes=5, about=about, **ids)
    PendingFiles.open(tmp_path / "pending").take(b"hello", file)
    async with serving(fleet, server.url, tmp_path) as worker:
        await eventually(lambda: worker.uploads.disk.aside_count == 1)
        assert (tmp_path / "pending" / "aside" / file.artifact_id).read_bytes() == b"hello"
        assert [path.name for path in (tmp_path / "pending").iterdir()] == ["aside"]

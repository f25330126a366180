"""A disk is full: that of the NATS server, and that of a worker."""

from __future__ import annotations

import asyncio
from pathlib import Path

from schemas.ends import SPOOL_FULL
from tests.support.eventually import eventually
from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import PATIENCE_SECONDS, Scene
from tests.support.faults.small_disk import small_disk
from tests.support.run import Run, create_runtime

FULL_SECONDS = 20  # longer than a host may be silent


async def test_disk_of_the_nats_server_is_full(tmp_path: Path) -> None:
    """JetStream stops to acknowledge and says nothing. No run ends; after room was made and a restart all is there."""
    with small_disk(tmp_path / "nats") as disk:
        async with Scene(tmp_path) as scene:
            await scene.start_runs()
            await scene.under_load()
            disk.fill(leave_kib=256)
            await _said(scene, "publisher.held_up")
            await asyncio.sleep(FULL_SECONDS)
            await scene.goes_on()
            await scene.nats.kill()
            disk.free()
            await scene.nats.start()
            found = await everything_is_there(scene)
            assert set(found.ends.values()) == {None}


async def test_disk_of_the_worker_is_full(tmp_path: Path) -> None:
    """While NATS is away its spool fills the disk: the runs end, which is told from the reserve, and all is there."""
    with small_disk(tmp_path / "w1") as disk:
        async with Scene(tmp_path) as scene:
            runs = await scene.start_runs()
            await scene.under_load()
            await scene.nats.kill()
            disk.fill(leave_kib=256)
            await _said(scene, "runtime.ended", len(runs))
            await scene.nats.start()
            for run in runs:
                ended = await run.ended(PATIENCE_SECONDS)
                assert (ended["status"], ended["missing"]) == ("failed", [])
                assert ended["failure"]["code"] == SPOOL_FULL.code
            await everything_is_there(scene)
            disk.free()
            after = await eventually(lambda: _started(scene), PATIENCE_SECONDS)
            await scene.goes_on(100)
            found = await everything_is_there(scene)
            assert found.ends[after.id] is None


async def _said(scene: Scene, event: str, times: int = 1) -> None:
    """Wait until the worker's log has that event so often."""
    worker = scene.worker.process
    await eventually(
        lambda: worker.times_said(event) >= times, PATIENCE_SECONDS, explain=worker.said
    )


async def _started(scene: Scene) -> Run | None:
    """A run, once a worker takes one again."""
    runtime_id = await create_runtime(scene.http)
    answer = await scene.http.post(f"/v1/runtimes/{runtime_id}/start")
    if answer.status_code == 503:
        return None
    return Run(scene.http, answer.json()["runId"], runtime_id, "")

"""The stream loses what it had acknowledged: the recorder says so and serves on, and a command puts all of it back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from recorder.ops.repair import repair
from schemas import subjects
from tests.support.eventually import eventually
from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import PATIENCE_SECONDS, Scene
from tests.support.faults.stream import nats_client

LOST = 1_000  # events, since the older copy was made


async def test_stream_is_rolled_back_to_an_older_copy_of_its_files(tmp_path: Path) -> None:
    async with Scene(tmp_path) as scene:
        files, copy = scene.nats.directory / "jetstream", tmp_path / "copy"
        await scene.start_runs()
        await scene.under_load()
        await scene.nats.kill()
        shutil.copytree(files, copy)
        await scene.nats.start()
        await scene.goes_on(LOST)
        await everything_is_there(scene)  # and nowhere else any more than in the tables
        await scene.nats.kill()
        shutil.rmtree(files)
        shutil.copytree(copy, files)
        await scene.nats.start()
        await _told_and_repaired(scene, "rolled_back", LOST)


async def test_stream_is_deleted_and_made_again(tmp_path: Path) -> None:
    async with Scene(tmp_path) as scene:
        await scene.start_runs()
        await scene.under_load()
        lost = (await everything_is_there(scene)).events
        async with nats_client(scene.nats.url) as client:
            jetstream = client.jetstream()
            config = (await jetstream.stream_info(subjects.RUNS)).config
            await jetstream.delete_stream(subjects.RUNS)
            await scene.goes_on()
            await jetstream.add_stream(config)
        await _told_and_repaired(scene, "made_anew", lost)


async def _told_and_repaired(scene: Scene, state: str, lost: int) -> None:
    """It is said what happened, history is served all the same; `log repair` puts back all that is lost."""
    await eventually(lambda: _is_told(scene, state), PATIENCE_SECONDS)
    shown = await scene.runs[0].events()
    await scene.goes_on()
    assert await scene.runs[0].events() == shown
    done = await repair(scene.nats.url, scene.recorder.database)
    assert done.published >= lost
    await scene.is_ready(scene.recorder)
    found = await everything_is_there(scene, in_order=False)
    assert set(found.ends.values()) == {None}
    for run in scene.runs:
        assert (await run.get())["missing"] == []


async def _is_told(scene: Scene, state: str) -> bool:
    answer = await scene.http.get("/readyz")
    told: dict[str, Any] = answer.json()
    return answer.status_code == 503 and told["checks"][subjects.RUNS]["state"] == state

"""SIGKILL to any one process, under load: nothing is lost, nothing comes twice, each run ends as it should."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest

from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import PATIENCE_SECONDS, Scene


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """One scene for all kills, one after the other: each must be borne by what the one before left."""
    async with Scene(tmp_path_factory.mktemp("killed")) as scene:
        await scene.start_runs()
        await scene.under_load()
        yield scene


async def test_recorder_is_killed(scene: Scene) -> None:
    await scene.recorder.process.kill()
    await scene.goes_on()
    await scene.recorder.process.start()
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {None}


async def test_recorder_is_killed_between_two_statements(scene: Scene) -> None:
    """At some statement of its writing, again and again. (`test_recorder_killed_in_a_batch` has each of them.)"""
    process = scene.recorder.process
    for statement in (41, 120, 257):
        await process.kill()
        process.arguments = [str(statement)]
        await process.start()
        assert await process.died() == -signal.SIGKILL
    process.arguments = []
    await process.start()
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {None}


async def test_nats_server_is_killed(scene: Scene) -> None:
    await scene.nats.kill()
    await scene.goes_on()
    await scene.nats.start()
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {None}


async def test_worker_is_killed(scene: Scene) -> None:
    await scene.worker.process.kill()
    await scene.worker.process.start()
    for run in scene.runs:
        ended = await run.ended(PATIENCE_SECONDS)
        assert (ended["status"], ended["missing"]) == ("failed", [])
        assert ended["failure"]["code"] == "runtime.host_restarted"
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {"runtime.host_restarted"}

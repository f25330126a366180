"""SIGKILL where browsers hang on it: to a Chromium, and to the worker that has several."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.eventually import eventually
from tests.support.faults.browsers import browser_of, count_on
from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import PATIENCE_SECONDS, Scene
from tests.support.stack import alive

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with Scene(tmp_path_factory.mktemp("browsers"), real_browsers=True) as scene:
        for run in await scene.start_runs(3):
            await count_on(run)
        await scene.under_load()
        yield scene


async def test_chromium_is_killed(scene: Scene) -> None:
    victim, *others = scene.runs
    chromium = browser_of(victim)
    family = [chromium, *chromium.children(recursive=True)]
    chromium.kill()
    ended = await victim.ended(PATIENCE_SECONDS)
    assert (ended["status"], ended["failure"]["code"]) == ("failed", "browser.crashed")
    await eventually(lambda: not alive(family), PATIENCE_SECONDS)
    found = await everything_is_there(scene)
    assert found.ends == {victim.id: "browser.crashed"} | dict.fromkeys(run.id for run in others)


async def test_worker_with_browsers_is_killed(scene: Scene) -> None:
    going_on = [run for run in scene.runs if (await run.get())["status"] == "active"]
    assert len(going_on) == 2
    chromiums = [browser_of(run) for run in going_on]
    await scene.worker.process.kill()
    await eventually(lambda: not alive(chromiums), PATIENCE_SECONDS)
    await scene.worker.process.start()
    for run in going_on:
        assert (await run.ended(PATIENCE_SECONDS))["failure"]["code"] == "runtime.host_restarted"
    await everything_is_there(scene)

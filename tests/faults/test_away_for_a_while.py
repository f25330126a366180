"""Processes that are away for a while and come back: NATS for a minute, each for 20 s, a worker behind a cut line.

These take long because the misfortune does, so they go side by side: a lane is a scene of its own, in which one
misfortune follows the other, and each test waits for what its lane says of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from schemas.ends import HOST_LOST
from tests.support.eventually import eventually
from tests.support.faults.browsers import count_on
from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import Scene
from tests.support.run import Run
from tests.support.stack import find_browser

AWAY_SECONDS = 60
STILL_SECONDS = 20
LOST_SECONDS = 60  # 15 s, when the machine is not busy
BROWSERS = 2

Step = Callable[[Scene], Awaitable[None]]


class Lane(NamedTuple):
    """One misfortune after the other, on one scene."""

    steps: tuple[Step, ...]
    recorders: int = 1
    real_browsers: bool = False


pytestmark = pytest.mark.slow


async def nats_is_away(scene: Scene) -> None:
    await scene.nats.kill()
    await asyncio.sleep(AWAY_SECONDS)
    await scene.nats.start()
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {None}


async def recorder_stands_still(scene: Scene) -> None:
    with scene.recorder.process.standing_still():
        await asyncio.sleep(STILL_SECONDS)
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {None}


async def nats_stands_still(scene: Scene) -> None:
    os.kill(scene.nats.pid, signal.SIGSTOP)
    await asyncio.sleep(STILL_SECONDS)
    os.kill(scene.nats.pid, signal.SIGCONT)
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {None}


async def worker_stands_still(scene: Scene) -> None:
    """Long enough to count as lost, if only just: its runs have ended, or they go on."""
    with scene.worker.process.standing_still():
        await asyncio.sleep(STILL_SECONDS)
    found = await everything_is_there(scene)
    assert set(found.ends.values()) <= {None, HOST_LOST.code}


async def worker_is_cut_off(scene: Scene) -> None:
    """Nothing passes between it and NATS, either way, until its runs are ended; then it comes back."""
    with scene.way_to_nats.cut():
        await _lost(scene)
        assert all(find_browser(run) for run in scene.runs), "they could not know of it"
    await _comes_back(scene)


async def worker_is_not_heard(scene: Scene) -> None:
    """Nothing passes from it to NATS."""
    await _new_runs(scene)
    with scene.way_to_nats.cut(down=False):
        await _lost(scene)
    await _comes_back(scene)


async def worker_does_not_hear(scene: Scene) -> None:
    """Nothing passes from NATS to it: it is heard, so it is not lost; what it sends again is known by its id."""
    runs = await _new_runs(scene)
    with scene.way_to_nats.cut(up=False):
        await asyncio.sleep(STILL_SECONDS)
    found = await everything_is_there(scene)
    assert {found.ends[run.id] for run in runs} == {None}


async def _new_runs(scene: Scene) -> list[Run]:
    await scene.is_ready(scene.recorder)
    runs = await scene.start_runs(BROWSERS)
    for run in runs:
        await count_on(run)
    await scene.under_load()
    return runs


async def _lost(scene: Scene) -> None:
    for run in scene.runs:
        ended = await run.ended(LOST_SECONDS)
        assert (ended["status"], ended["failure"]["code"]) == ("failed", HOST_LOST.code)


async def _comes_back(scene: Scene) -> None:
    """It finds its claims gone and kills those browsers; what they still did is there, as late."""
    await eventually(lambda: not any(find_browser(run) for run in scene.runs), LOST_SECONDS)
    await everything_is_there(scene)
    for run in scene.runs:
        told = await run.get()
        assert (told["failure"]["code"], told["missing"]) == (HOST_LOST.code, [])
        assert told["late"] > 0


async def two_recorders_end_the_runs_of_a_dead_worker(scene: Scene) -> None:
    """Both find that it is gone, and write the end of the same runs: that is one event, and the first end wins."""
    await scene.worker.process.kill()
    for run in scene.runs:
        await run.ended(LOST_SECONDS)
    await scene.worker.process.start()  # what it had not sent yet is on its disk
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {HOST_LOST.code}
    assert len({recorder.ends() for recorder in scene.recorders}) == 1
    said = [each.process.times_said("fleet.run_ended") for each in scene.recorders]
    assert all(said), "only one of them tried"


LANES: tuple[Lane, ...] = (
    Lane((nats_is_away, two_recorders_end_the_runs_of_a_dead_worker), recorders=2),
    Lane((recorder_stands_still, nats_stands_still, worker_stands_still)),
    Lane((worker_is_cut_off, worker_is_not_heard, worker_does_not_hear), real_browsers=True),
)


class Lanes:
    """What becomes of each misfortune."""

    def __init__(self) -> None:
        new = asyncio.get_running_loop().create_future
        self.outcome: dict[Step, asyncio.Future[None]] = {
            step: new() for lane in LANES for step in lane.steps
        }

    async def run(self, lane: Lane, directory: Path) -> None:
        """A lane to its end. What stops it is told by all the tests that should have come after."""
        try:
            async with Scene(
                directory, recorders=lane.recorders, real_browsers=lane.real_browsers
            ) as scene:
                await _begin(scene, lane)
                for step in lane.steps:
                    await step(scene)
                    self.outcome[step].set_result(None)
        except Exception as error:
            for outcome in (self.outcome[step] for step in lane.steps):
                if not outcome.done():
                    outcome.set_exception(error)


async def _begin(scene: Scene, lane: Lane) -> None:
    if lane.real_browsers:
        await _new_runs(scene)
    else:
        await scene.start_runs()
        await scene.under_load()


@pytest.fixture(scope="module")
async def lanes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lanes]:
    """All lanes on their way."""
    lanes = Lanes()
    tasks = [
        asyncio.create_task(lanes.run(lane, tmp_path_factory.mktemp("lane"))) for lane in LANES
    ]
    yield lanes
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_nats_is_away_for_a_minute(lanes: Lanes) -> None:
    await lanes.outcome[nats_is_away]


async def test_recorder_stands_still_for_20_s(lanes: Lanes) -> None:
    await lanes.outcome[recorder_stands_still]


async def test_nats_server_stands_still_for_20_s(lanes: Lanes) -> None:
    await lanes.outcome[nats_stands_still]


async def test_worker_stands_still_for_20_s(lanes: Lanes) -> None:
    await lanes.outcome[worker_stands_still]


@pytest.mark.browser
async def test_worker_is_cut_off_from_nats(lanes: Lanes) -> None:
    await lanes.outcome[worker_is_cut_off]


@pytest.mark.browser
async def test_worker_is_not_heard_by_nats(lanes: Lanes) -> None:
    await lanes.outcome[worker_is_not_heard]


@pytest.mark.browser
async def test_worker_does_not_hear_nats(lanes: Lanes) -> None:
    await lanes.outcome[worker_does_not_hear]


async def test_two_recorders_race_to_end_the_same_runs(lanes: Lanes) -> None:
    await lanes.outcome[two_recorders_end_the_runs_of_a_dead_worker]

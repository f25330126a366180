"""Processes that are away for a while and come back: NATS for a minute, each for 20 s, a worker behind a cut line.

These take long because the misfortune does, so they go side by side: a lane is a scene of its own, in which one
misfortune follows the other, and each test waits for what its lane says of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import Scene

AWAY_SECONDS = 60
STILL_SECONDS = 20

Step = Callable[[Scene], Awaitable[None]]

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


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
    with scene.worker.process.standing_still():
        await asyncio.sleep(STILL_SECONDS)
    await everything_is_there(scene)


LANES: tuple[tuple[Step, ...], ...] = (
    (nats_is_away,),
    (recorder_stands_still, nats_stands_still, worker_stands_still),
)


class Lanes:
    """What becomes of each misfortune."""

    def __init__(self) -> None:
        new = asyncio.get_running_loop().create_future
        self.outcome: dict[Step, asyncio.Future[None]] = {
            step: new() for lane in LANES for step in lane
        }

    async def run(self, lane: Sequence[Step], scene: Scene) -> None:
        """A lane to its end. What stops it is told by all the tests that should have come after."""
        try:
            async with scene:
                await scene.start_runs()
                await scene.goes_on()
                for step in lane:
                    await step(scene)
                    self.outcome[step].set_result(None)
        except Exception as error:
            for outcome in (self.outcome[step] for step in lane):
                if not outcome.done():
                    outcome.set_exception(error)


@pytest.fixture(scope="module")
async def lanes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lanes]:
    """All lanes on their way."""
    lanes = Lanes()
    tasks = [
        asyncio.create_task(lanes.run(lane, Scene(tmp_path_factory.mktemp("lane"))))
        for lane in LANES
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

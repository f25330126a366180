"""Misfortunes that last, and so go side by side while other tests run.

A lane is a scene of its own, in which one misfortune follows the other. `test_away_for_a_while` has the tests, each of
which waits for what its lane says of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import psutil

from recorder.entries import read
from schemas import subjects
from schemas.ends import HOST_LOST
from tests.support.eventually import eventually
from tests.support.faults.browsers import browser_of, count_on
from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import PATIENCE_SECONDS, Scene
from tests.support.faults.stream import nats_client, publish, read_stream
from tests.support.run import Run
from tests.support.stack import alive

AWAY_SECONDS = 60
STILL_SECONDS = 20
DEAF_SECONDS = 7  # longer than an answer is waited for, and not so long that the worker is lost
BROWSERS = 2

Step = Callable[[Scene], Awaitable[None]]


class Lane(NamedTuple):
    """One misfortune after the other, on one scene."""

    steps: tuple[Step, ...]
    recorders: int = 1
    real_browsers: bool = False


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
    chromiums = [browser_of(run) for run in scene.runs]
    with scene.way_to_nats.cut():
        await _lost(scene)
        assert alive(chromiums) == chromiums, "they could not know of it"
    await _comes_back(scene, chromiums)


async def worker_is_not_heard(scene: Scene) -> None:
    """Nothing passes from it to NATS."""
    chromiums = [browser_of(run) for run in await _new_runs(scene)]
    with scene.way_to_nats.cut(down=False):
        await _lost(scene)
    await _comes_back(scene, chromiums)


async def worker_does_not_hear(scene: Scene) -> None:
    """Nothing passes from NATS to it for a while: it is heard, so it is not lost; what it sends again is known by its
    id.
    """
    runs = await _new_runs(scene)
    with scene.way_to_nats.cut(up=False):
        await asyncio.sleep(DEAF_SECONDS)
    found = await everything_is_there(scene)
    assert {found.ends[run.id] for run in runs} == {None}


async def worker_hears_nothing_more(scene: Scene) -> None:
    """It gives up the connection on which it was heard, looks for a server that answers, and finds none."""
    chromiums = [browser_of(run) for run in scene.runs[-BROWSERS:]]
    with scene.way_to_nats.cut(up=False):
        await _lost(scene)
    await _comes_back(scene, chromiums)


async def chromium_stands_still(scene: Scene) -> None:
    """Its browser process; what its pages have to say in the meantime comes afterwards."""
    await _new_runs(scene)
    chromium: psutil.Process = browser_of(scene.runs[-1])
    chromium.suspend()
    await asyncio.sleep(STILL_SECONDS)
    chromium.resume()
    found = await everything_is_there(scene)
    assert found.ends[scene.runs[-1].id] is None


async def _new_runs(scene: Scene) -> list[Run]:
    await scene.is_ready(scene.recorder)
    runs = await scene.start_runs(BROWSERS)
    for run in runs:
        await count_on(run)
    await scene.under_load()
    return runs


async def _lost(scene: Scene) -> None:
    for run in scene.runs:
        ended = await run.ended(PATIENCE_SECONDS)
        assert (ended["status"], ended["failure"]["code"]) == ("failed", HOST_LOST.code)


async def _comes_back(scene: Scene, chromiums: list[psutil.Process]) -> None:
    """It finds its claims gone and kills those browsers; what they still did is there, as late."""
    await eventually(lambda: not alive(chromiums), PATIENCE_SECONDS)
    await everything_is_there(scene)
    for run in scene.runs:
        told = await run.get()
        assert (told["failure"]["code"], told["missing"]) == (HOST_LOST.code, [])
        assert told["late"] > 0


async def two_recorders_end_the_runs_of_a_dead_worker(scene: Scene) -> None:
    """Both find that it is gone, and write the end of the same runs: that is one event, and the first end wins."""
    await scene.worker.process.kill()
    for run in scene.runs:
        await run.ended(PATIENCE_SECONDS)
    await _one_was_slower(scene)
    await scene.worker.process.start()  # what it had not sent yet is on its disk
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {HOST_LOST.code}
    assert len({recorder.ends() for recorder in scene.recorders}) == 1


async def _one_was_slower(scene: Scene) -> None:
    """Its ends come too, so late that JetStream no longer knows them by their ids."""
    async with nats_client(scene.nats.url) as client:
        for message in await read_stream(client, subjects.RUNS):
            event = read(message).event
            if event is not None and not event.by_worker:
                await publish(client, message.subject, message.body)


LANES: tuple[Lane, ...] = (
    Lane((nats_is_away, two_recorders_end_the_runs_of_a_dead_worker), recorders=2),
    Lane((recorder_stands_still, nats_stands_still, worker_stands_still)),
    Lane(
        (
            worker_is_cut_off,
            worker_is_not_heard,
            worker_does_not_hear,
            worker_hears_nothing_more,
            chromium_stands_still,
        ),
        real_browsers=True,
    ),
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
                    outcome.exception()  # a test that is not run does not ask


async def _begin(scene: Scene, lane: Lane) -> None:
    if lane.real_browsers:
        await _new_runs(scene)
    else:
        await scene.start_runs()
        await scene.under_load()

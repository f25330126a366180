"""Somebody sets the clock back by an hour, under a worker and under its recorder."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import PATIENCE_SECONDS, Scene

HOUR_MS = 3_600_000


async def test_clock_is_set_back_an_hour(tmp_path: Path) -> None:
    async with Scene(tmp_path) as scene:
        await scene.start_runs()
        await scene.under_load()
        scene.worker.process.send(signal.SIGUSR1)
        await scene.goes_on()
        scene.recorder.process.send(signal.SIGUSR1)
        [after] = await scene.start_runs(1)
        await eventually(lambda: _skew_is_an_hour(scene), PATIENCE_SECONDS)
        await scene.goes_on()
        before = scene.runs[0]
        for run in (before, after):
            await run.stop()
        found = await everything_is_there(scene)
        assert found.ends[before.id] == found.ends[after.id] == "runtime.stop_requested"
        assert list(found.ends.values()).count(None) == len(scene.runs) - 2
        assert (await before.get())["late"] == 0
        times = [event["time"] for event in await before.events()]
        assert times != sorted(times), "the clock was not set back"


async def _skew_is_an_hour(scene: Scene) -> bool:
    """Whether the worker has noticed that its clock and the stream's differ."""
    answer = await scene.http.get("/readyz", params={"for": "start"})
    [worker] = answer.json()["checks"]["workers"]
    return bool(abs((worker["clockSkewMs"] or 0) + HOUR_MS) < 10_000)

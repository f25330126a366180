"""Processes are killed at random, one after the other, under load; every few, everything must be there.

python -m tests.faults.loop 200 [--seed 4]

The seed decides who is hit, how, and for how long; not what happens in between. Ends with exit code 1, and leaves all
files, at the first thing that is not there.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
from rich.console import Console

from tests.support.faults.children import Child
from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import Recorder, Scene, Worker

KILLS_A_CHAPTER = 8
LONGEST_SECONDS = 4.0  # that somebody is away; shorter than what makes a host count as lost

Tell = Callable[[str], None]
Blow = Callable[[Scene, random.Random], Awaitable[str]]


async def chapter(scene: Scene, dice: random.Random, kills: int, tell: Tell) -> int:
    """So many misfortunes, and everything is there; how many events that is."""
    await scene.start_runs()
    for _ in range(kills):
        await asyncio.sleep(dice.uniform(0, 1.5))
        blow = dice.choices(list(BLOWS), weights=list(BLOWS.values()))[0]
        tell(await blow(scene, dice))
    for worker in scene.workers:
        await _is_back(scene, worker.process)
    await scene.start_runs(1)
    found = await everything_is_there(scene)
    ends = Counter(code or "goes on" for code in found.ends.values())
    told = ", ".join(f"{count} {code}" for code, count in sorted(ends.items()))
    tell(f"all there, once, in order, verified: {found.events} events; runs: {told}")
    return found.events


async def _recorder_is_killed(scene: Scene, dice: random.Random) -> str:
    recorder: Recorder = dice.choice(scene.recorders)
    return await _kill(recorder.name, recorder.process, dice)


async def _recorder_dies_at_a_statement(scene: Scene, dice: random.Random) -> str:
    """It is started so that it dies before some statement of its writing, and once more."""
    recorder: Recorder = dice.choice(scene.recorders)
    statement = dice.randint(30, 400)
    await recorder.process.kill()
    recorder.process.arguments = [str(statement)]
    try:
        await recorder.process.start()
        await recorder.process.died()
    finally:
        recorder.process.arguments = []
    await recorder.process.start()
    return f"{recorder.name} killed before its statement {statement}"


async def _worker_is_killed(scene: Scene, dice: random.Random) -> str:
    worker: Worker = dice.choice(await _busy_workers(scene))
    told = await _kill(worker.name, worker.process, dice)
    await _is_back(scene, worker.process)
    await scene.start_runs(2)  # for those that died with it
    return told


async def _nats_is_killed(scene: Scene, dice: random.Random) -> str:
    away = dice.uniform(0, LONGEST_SECONDS)
    await scene.nats.kill()
    await asyncio.sleep(away)
    await scene.nats.start()
    return f"nats killed, away for {away:.1f} s"


async def _recorder_and_nats_are_killed(scene: Scene, dice: random.Random) -> str:
    recorder: Recorder = dice.choice(scene.recorders)
    await asyncio.gather(recorder.process.kill(), scene.nats.kill())
    await scene.nats.start()
    await recorder.process.start()
    return f"nats and {recorder.name} killed at once"


async def _somebody_stands_still(scene: Scene, dice: random.Random) -> str:
    somebody: Child = dice.choice(scene.processes)
    still = dice.uniform(0, LONGEST_SECONDS)
    with somebody.standing_still():
        await asyncio.sleep(still)
    return f"{somebody.log.stem} stood still for {still:.1f} s"


async def _nats_stands_still(scene: Scene, dice: random.Random) -> str:
    still = dice.uniform(0, LONGEST_SECONDS)
    os.kill(scene.nats.pid, signal.SIGSTOP)
    await asyncio.sleep(still)
    os.kill(scene.nats.pid, signal.SIGCONT)
    return f"nats stood still for {still:.1f} s"


async def _workers_are_cut_off(scene: Scene, dice: random.Random) -> str:
    away = dice.uniform(0, LONGEST_SECONDS)
    up, down = dice.choice([(True, True), (True, False), (False, True)])
    with scene.way_to_nats.cut(up=up, down=down):
        await asyncio.sleep(away)
    way = {(True, True): "both ways", (True, False): "unheard", (False, True): "deaf"}[up, down]
    return f"workers cut off for {away:.1f} s, {way}"


BLOWS: dict[Blow, int] = {
    _recorder_is_killed: 4,
    _recorder_dies_at_a_statement: 2,
    _worker_is_killed: 4,
    _nats_is_killed: 4,
    _recorder_and_nats_are_killed: 1,
    _somebody_stands_still: 2,
    _nats_stands_still: 1,
    _workers_are_cut_off: 2,
}


async def _busy_workers(scene: Scene) -> list[Worker]:
    """Those that have runs; wherever those were started."""
    before = [worker.ledger_bytes for worker in scene.workers]
    await scene.goes_on(100)
    pairs = zip(scene.workers, before, strict=True)
    return [worker for worker, size_bytes in pairs if worker.ledger_bytes > size_bytes]


async def _kill(name: str, process: Child, dice: random.Random) -> str:
    away = dice.uniform(0, LONGEST_SECONDS)
    await process.kill()
    await asyncio.sleep(away)
    await process.start()
    return f"{name} killed, away for {away:.1f} s"


async def _is_back(scene: Scene, process: Child) -> None:
    """Wait until every recorder serves and a worker takes runs."""
    for recorder in scene.recorders:
        await scene.is_ready(recorder)
    assert process.is_running, process.said()


async def _all_chapters(kills: int, seed: int, directory: Path, tell: Tell) -> int:
    events = 0
    for number, before in enumerate(range(0, kills, KILLS_A_CHAPTER), 1):
        dice = random.Random(f"{seed}/{number}")
        tell(f"chapter {number}: a new fleet, {before} of {kills} misfortunes so far")
        async with Scene(directory / str(number), recorders=2, workers=2) as scene:
            events += await chapter(scene, dice, min(KILLS_A_CHAPTER, kills - before), tell)
        shutil.rmtree(directory / str(number))
    return events


@click.command()
@click.argument("kills", type=click.IntRange(min=1), default=200)
@click.option("--seed", type=int, help="Who is hit, how and for how long. Default: by chance.")
def main(kills: int, seed: int | None) -> None:
    """Kill the processes of a fleet at random, KILLS times, and look each few times whether everything is there."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    directory, console, since = (
        Path(tempfile.mkdtemp(prefix="rrk-")),
        Console(highlight=False, soft_wrap=True),
        time.monotonic(),
    )
    # Browsers' and other uids may pass.
    directory.chmod(0o711)

    def tell(text: str) -> None:
        console.print(f"{time.monotonic() - since:7.1f} s  {text}")

    console.print(f"{kills} misfortunes, seed {seed}, files in {directory}")
    try:
        events = asyncio.run(_all_chapters(kills, seed, directory, tell))
    except Exception as error:  # whatever it is, one wants to see it again
        console.print_exception()
        tell(f"NOT THERE: {type(error).__name__}: {error}")
        console.print(
            f"Again with: make faults N={kills} SEED={seed}. The files stand in {directory}."
        )
        sys.exit(1)
    shutil.rmtree(directory)
    tell(f"{kills} misfortunes, {events} events: nothing lost, nothing twice, every table proven")


if __name__ == "__main__":
    main()

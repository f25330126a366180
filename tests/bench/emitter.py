"""A worker without browsers, in a process of its own: active runs whose events come at an even rate.

python -m tests.bench.emitter NATS_URL DIRECTORY RUNS EVENTS RATE
Says the runs' ids when the stream has them all as active. When told to go, it records console lines `mark-0-`,
`mark-1-`, …, each in the next of the runs, and in the end says when (`time.perf_counter`) each was recorded, as JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import msgspec
import uvloop
from uuid_utils import uuid7

from schemas.events.console import ConsoleMessage
from schemas.requests import Heartbeat
from tests.bench.orders import orders, say
from tests.bench.publishing import all_acknowledged, outbox_in, published
from worker.bus import Bus, PublishLink
from worker.fact import Fact
from worker.outbox import Outbox
from worker.run_log import RunLog

WORKER = "bench"
TICK_SECONDS = 0.01
BEAT_SECONDS = 2.0


async def emit(runs: list[RunLog], events: int, rate: float) -> list[float]:
    """Record so many events at so many a second; when each was."""
    moments: list[float] = []
    since = time.perf_counter()
    while len(moments) < events:
        due = min(events, int((time.perf_counter() - since) * rate) + 1)
        while len(moments) < due:
            number = len(moments)
            moments.append(time.perf_counter())
            line = ConsoleMessage(level="info", text=f"mark-{number}-")
            runs[number % len(runs)].record(Fact(data=line))
        await asyncio.sleep(TICK_SECONDS)
    return moments


def open_run(outbox: Outbox) -> RunLog:
    """A run that is active."""
    run = RunLog(
        outbox,
        worker_id=WORKER,
        run_id=str(uuid7()),
        runtime_id=str(uuid7()),
        space_id=str(uuid7()),
    )
    run.launching()
    run.ready(gateway_url="http://127.0.0.1:1", browser="none", sandbox=False)
    return run


async def _beat(bus: Bus, runs: int) -> None:
    """Its host is not lost."""
    beat = 0
    while True:
        beat += 1
        heartbeat = Heartbeat(
            worker_id=WORKER,
            beat=beat,
            capacity=runs,
            active=runs,
            gateway_url="http://127.0.0.1:1",
            version="0",
            chromium="none",
            sandbox=False,
        )
        await bus.beat(heartbeat)
        await asyncio.sleep(BEAT_SECONDS)


async def _main(nats_url: str, directory: Path, count: int, events: int, rate: float) -> None:
    told, bus = await orders(), await Bus.connect(nats_url, WORKER)
    beating = asyncio.create_task(_beat(bus, count))
    async with (
        outbox_in(directory) as outbox,
        published(PublishLink(nats_url, f"{WORKER}-publisher"), outbox),
    ):
        runs = [open_run(outbox) for _ in range(count)]
        await all_acknowledged(outbox)
        say(msgspec.json.encode([run.run_id for run in runs]))
        if await told.readline():
            moments = await emit(runs, events, rate)
            await all_acknowledged(outbox)
            say(msgspec.json.encode(moments))
    beating.cancel()
    await bus.close()


if __name__ == "__main__":
    _nats_url, _directory, *_numbers = sys.argv[1:]
    uvloop.run(_main(_nats_url, Path(_directory), *map(int, _numbers)))

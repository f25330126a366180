"""A recorder that was killed and is started again, with many rows, beside one with few: until it serves."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.bench.big_log import BigLog, multiply, project
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.filling import fill
from tests.bench.nats_server import nats_server
from tests.bench.stack import recorder_process

FIRST = 10_000


async def measure(bench: Bench) -> list[Row]:
    """Both by turns, on a NATS server each."""
    rounds = bench.count(5, 1)
    wanted = bench.count(1_000_000 if bench.full else 200_000, 20_000)
    await fill(bench, bench.directory / "outbox", FIRST)
    first = await project(bench.directory / "outbox", bench.directory / "first.db")
    small = multiply(first, bench.directory / "small.db", 1, lambda _events: None)
    large = await asyncio.to_thread(
        multiply,
        first,
        bench.directory / "large.db",
        wanted // first.events,
        lambda events: bench.progress(events, wanted),
    )
    found: dict[str, list[float]] = {"small": [], "large": []}
    for name, log in (("small", small), ("large", large)):
        found[name] = await _restarts(bench, name, log, rounds)
    return [
        Row(
            label="killed → serving again",
            unit="ms",
            n=rounds,
            ours=spread(found["large"]),
            baseline=spread(found["small"]),
            baseline_label=f"{small.events:,} events",
            targets=(at_most(plus=2000),),
            note=f"{large.events:,} events, from the process's start to /readyz; --full: 1,000,000",
        )
    ]


async def _restarts(bench: Bench, name: str, log: BigLog, rounds: int) -> list[float]:
    """How long each took, in ms."""
    place = bench.directory / name
    place.mkdir()
    found = []
    async with nats_server(place / "nats") as nats_url:
        for turn in range(
            -1, rounds
        ):  # the first one makes streams, and has nothing to come back to
            took_ms = await _killed(place, nats_url, log.file)
            if turn >= 0:
                found.append(took_ms)
            bench.progress(max(0, turn + 1), rounds)
    return found


async def _killed(place: Path, nats_url: str, database: Path) -> float:
    """Start one, have it write something, and kill it; how long the start took, in ms."""
    since = time.perf_counter()
    async with recorder_process(place, nats_url, database) as (process, api):
        took_ms = (time.perf_counter() - since) * 1000
        (await api.http.post("/v1/spaces", json={"name": "x"})).raise_for_status()
        process.kill()
        await process.wait()
    return took_ms


FIGURE = Figure(
    name="restart", title="Recorder, started again", measure=measure, deadline_seconds=300
)

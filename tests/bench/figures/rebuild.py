"""`rebuild` and `verify` of a stream, beside a consumer that reads the same messages and does nothing with them.

Whole commands: their processes, every projection, the check of the new file, the swap, every row compared.
"""

from __future__ import annotations

from pathlib import Path

from recorder import bus as buses
from recorder.ops.rebuild import rebuild
from recorder.ops.verify import verify
from schemas import streams
from tests.bench import firehose
from tests.bench.figure import Bench, Figure, Row, at_least, at_most, spread
from tests.bench.filling import RUNS, fill
from tests.bench.nats_server import nats_server
from tests.bench.publishing import make_stream
from tests.bench.recording import seconds_until

MIB = 1024 * 1024


async def measure(bench: Bench) -> list[Row]:
    """By turns, on one stream and one database."""
    rounds = bench.count(4, 1)
    events = await fill(bench, bench.directory / "outbox", bench.count(60_000, 4000))
    database = bench.directory / "runreel.db"
    read: list[float] = []
    rebuilt: list[float] = []
    verified: list[float] = []
    async with nats_server(bench.directory / "nats") as nats_url:
        await _publish(nats_url, bench.directory / "outbox")
        await _consume(nats_url, database, events, project=True)
        for turn in range(rounds):
            other = bench.directory / f"read-{turn}.db"
            read.append(await _consume(nats_url, other, events, project=False))
            rebuilt.append(await _rebuild(nats_url, database))
            verified.append(await _verify(nats_url, database))
            bench.progress(turn + 1, rounds)
    note = f"median of {rounds} rounds of {events:,} events in {RUNS} runs"
    return [
        Row(
            label="rebuild",
            unit="events/s",
            n=rounds * events,
            ours=spread([events / seconds for seconds in rebuilt]),
            baseline=spread([events / seconds for seconds in read]),
            baseline_label="consuming only",
            targets=(at_least(0.6), at_least(plus=20_000)),
            note=note,
        ),
        Row(
            label="verify",
            unit="s",
            n=rounds,
            ours=spread(verified),
            baseline=spread(rebuilt),
            baseline_label="rebuild",
            targets=(at_most(1.5),),
            note=note,
        ),
    ]


async def _publish(nats_url: str, outbox: Path) -> None:
    await make_stream(nats_url)
    async with buses.connect(nats_url, "bench") as bus:
        await bus.ensure_stream(streams.control_stream(max_bytes=64 * MIB), 1)
    await firehose.publish(nats_url, list(firehose.read(outbox)))


async def _consume(nats_url: str, database: Path, events: int, *, project: bool) -> float:
    async with buses.connect(nats_url, "bench") as bus:
        return await seconds_until(events, bus, database, project=project)


async def _rebuild(nats_url: str, database: Path) -> float:
    found = await rebuild(nats_url, database)
    if not found.replaced:
        raise RuntimeError(f"it was not rebuilt: {found}")
    return found.seconds


async def _verify(nats_url: str, database: Path) -> float:
    found = await verify(nats_url, database)
    if not found.equal:
        raise RuntimeError(f"it is not equal: {found}")
    return found.seconds


FIGURE = Figure(name="rebuild", title="Rebuild and verify", measure=measure, deadline_seconds=300)

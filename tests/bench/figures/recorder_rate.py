"""JetStream to committed rows, beside a consumer that reads the same messages and does nothing with them.

Once through what waits in the stream already, once while a process of its own publishes it there: on few cores,
publisher and server take from the recorder what they need themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from recorder import bus as buses
from tests.bench import firehose
from tests.bench.figure import Bench, Figure, Row, Target, at_least, spread
from tests.bench.filling import RUNS, fill
from tests.bench.nats_server import nats_server
from tests.bench.orders import servant
from tests.bench.publishing import make_stream
from tests.bench.recording import seconds_until


class Rates(Struct):
    """Events a second of each round."""

    committed: list[float]
    read: list[float]


async def measure(bench: Bench) -> list[Row]:
    """Each way by turns, each time with a server and a database of its own."""
    rounds = bench.count(5, 1)
    events = await fill(bench, bench.directory / "outbox", bench.count(20_000, 4000))
    waiting, live = Rates([], []), Rates([], [])
    for turn in range(rounds):
        for way, rates in ((_waiting, waiting), (_live, live)):
            place = bench.directory / f"{turn}-{way.__name__}"
            seconds = await way(bench.directory / "outbox", place, events, True)
            rates.committed.append(events / seconds)
            seconds = await way(bench.directory / "outbox", place, events, False)
            rates.read.append(events / seconds)
        bench.progress(turn + 1, rounds)
    note = f"median of {rounds} rounds of {events:,} events in {RUNS} runs"
    return [
        _row("waiting events → committed rows", waiting, events, note, at_least(0.6)),
        _row("live events → committed rows", live, events, note, at_least(plus=12_000)),
    ]


def _row(label: str, rates: Rates, events: int, note: str, *targets: Target) -> Row:
    return Row(
        label=label,
        unit="events/s",
        n=len(rates.read) * events,
        ours=spread(rates.committed),
        baseline=spread(rates.read),
        baseline_label="consuming only",
        targets=targets,
        note=f"{note}; live: publisher in atomic batches and server on the same cores",
    )


async def _waiting(outbox: Path, place: Path, events: int, project: bool) -> float:
    """Seconds for a backlog."""
    async with nats_server(place / f"nats-{project}") as nats_url:
        await make_stream(nats_url)
        await firehose.publish(nats_url, list(firehose.read(outbox)))
        return await _seconds(nats_url, place / f"ours-{project}.db", events, project)


async def _live(outbox: Path, place: Path, events: int, project: bool) -> float:
    """Seconds from the first event's publishing to the last one's commit."""
    async with nats_server(place / f"nats-{project}") as nats_url:
        await make_stream(nats_url)
        async with servant("tests.bench.firehose", nats_url, str(outbox)) as publisher:
            await publisher.answer()
            database = place / f"ours-{project}.db"
            return await _seconds(nats_url, database, events, project, publisher.go)


async def _seconds(
    nats_url: str,
    database: Path,
    events: int,
    project: bool,
    begin: Callable[[], None] | None = None,
) -> float:
    async with buses.connect(nats_url, "bench") as bus:
        return await seconds_until(events, bus, database, project=project, begin=begin)


FIGURE = Figure(
    name="recorder_rate", title="Recorder, events a second", measure=measure, deadline_seconds=300
)

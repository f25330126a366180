"""What writing every event to the disk costs the worker: its rate beside that of an outbox that only remembers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from tests.bench.browser import prepare
from tests.bench.corpus import Corpus, record
from tests.bench.figure import Bench, Figure, Row, Target, at_least, spread
from tests.bench.figures.worker_rate import to_the_outbox, to_the_stream
from tests.bench.nats_server import nats_server
from tests.bench.publishing import in_memory, make_stream, outbox_in
from worker.bus import PublishLink
from worker.outbox import Outbox

Make = Callable[[Path], Outbox]


class Rates(Struct):
    """Events a second of each round, to the stream and of it to the outbox."""

    whole: list[float] = field(default_factory=list)
    half: list[float] = field(default_factory=list)


async def measure(bench: Bench) -> list[Row]:
    """Both ways with and without, by turns, and each of them first in every other round."""
    rounds, events = bench.count(24, 2), bench.count(2000, 1000)
    corpus = await record(prepare(bench.directory))
    written, remembered = Rates(), Rates()
    ways: list[tuple[Make, Rates]] = [(Outbox.open, written), (in_memory, remembered)]
    async with nats_server(bench.directory / "nats") as nats_url:
        await make_stream(nats_url)
        link = PublishLink(nats_url, "bench")
        await _round(link, corpus, bench.directory / "warm", Outbox.open, Rates(), events)
        for turn in range(rounds):
            for make, rates in ways[:: 1 if turn % 2 else -1]:
                place = bench.directory / f"round-{turn}" / make.__name__
                await _round(link, corpus, place, make, rates, events)
            bench.progress(turn + 1, rounds)
    n = rounds * events
    return [
        _row("CDP message → acknowledged", n, written.whole, remembered.whole, at_least(0.9)),
        _row("  of it: message → outbox", n, written.half, remembered.half),
    ]


async def _round(
    link: PublishLink, corpus: Corpus, place: Path, make: Make, rates: Rates, events: int
) -> None:
    async with outbox_in(place / "whole", make) as outbox:
        rates.whole.append(await to_the_stream(link, corpus, outbox, events))
    async with outbox_in(place / "half", make) as outbox:
        rates.half.append(await to_the_outbox(corpus, outbox, events))


def _row(label: str, n: int, ours: list[float], baseline: list[float], *targets: Target) -> Row:
    return Row(
        label=label,
        unit="events/s",
        n=n,
        ours=spread(ours),
        baseline=spread(baseline),
        baseline_label="without the write",
        targets=targets,
    )


FIGURE = Figure(name="spooling", title="Spooling, events a second", measure=measure)

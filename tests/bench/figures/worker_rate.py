"""CDP messages in, acknowledged events out, in one process; beside the publisher alone with the same events."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from msgspec import Struct

from tests.bench.browser import prepare
from tests.bench.corpus import Corpus, Replay, record
from tests.bench.figure import Bench, Figure, Row, at_least, spread
from tests.bench.nats_server import nats_server
from tests.bench.publishing import all_acknowledged, make_stream, outbox_in, published
from worker.bus import PublishLink
from worker.outbox import Outbox

AT_ONCE = 16  # events' worth of messages in one read of the pipe
FEW_WAITING = 1024


class Rates(Struct):
    """Events a second of each round."""

    whole: list[float]
    recording: list[float]
    publishing: list[float]

    def add(self, whole: float, recording: float, publishing: float) -> None:
        """One round's."""
        self.whole.append(whole)
        self.recording.append(recording)
        self.publishing.append(publishing)


async def measure(bench: Bench) -> list[Row]:
    """The whole way, and its two halves, by turns."""
    rounds, events = bench.count(5, 1), bench.count(5000, 1000)
    corpus = await record(prepare(bench.directory))
    rates = Rates([], [], [])
    async with nats_server(bench.directory / "nats") as nats_url:
        await make_stream(nats_url)
        link = PublishLink(nats_url, "bench")
        for turn in range(-1, rounds):
            place = bench.directory / f"round-{turn}"
            found = await _round(link, corpus, place, events)
            if turn >= 0:
                rates.add(*found)
            bench.progress(turn + 1, rounds)
    return _rows(rates, rounds * events, len(corpus.messages))


def _rows(rates: Rates, n: int, messages: int) -> list[Row]:
    whole = Row(
        label="CDP message → acknowledged",
        unit="events/s",
        n=n,
        ours=spread(rates.whole),
        baseline=spread(rates.publishing),
        baseline_label="publisher alone",
        targets=(at_least(plus=3000), at_least(0.5)),
        note=f"median of {len(rates.whole)} rounds; {messages} recorded CDP messages, over and over",
    )
    half = Row(
        label="  of it: message → on disk", unit="events/s", n=n, ours=spread(rates.recording)
    )
    return [whole, half]


async def _round(
    link: PublishLink, corpus: Corpus, place: Path, events: int
) -> tuple[float, float, float]:
    async with outbox_in(place / "whole") as outbox:
        whole = await to_the_stream(link, corpus, outbox, events)
    async with outbox_in(place / "halves") as outbox:
        recording = await to_the_outbox(corpus, outbox, events)
        publishing = await _publishing(link, outbox)
    return whole, recording, publishing


async def to_the_stream(link: PublishLink, corpus: Corpus, outbox: Outbox, events: int) -> float:
    """Events a second from a tap to the stream, with the publisher beside it on the same loop."""
    replay = Replay(corpus, outbox)
    await replay.attach()
    async with published(link, outbox):
        since = time.perf_counter()
        while replay.events < events:
            replay.feed(AT_ONCE)
            await asyncio.sleep(0)
            while len(outbox) > FEW_WAITING:
                await asyncio.sleep(0.001)
        await all_acknowledged(outbox)
        return replay.events / (time.perf_counter() - since)


async def to_the_outbox(corpus: Corpus, outbox: Outbox, events: int) -> float:
    """Events a second from a tap to the outbox."""
    replay = Replay(corpus, outbox)
    await replay.attach()
    since = time.perf_counter()
    replay.feed(events)
    return replay.events / (time.perf_counter() - since)


async def _publishing(link: PublishLink, outbox: Outbox) -> float:
    """Events a second from a full outbox to the stream."""
    count = len(outbox)
    since = time.perf_counter()
    async with published(link, outbox):
        await all_acknowledged(outbox)
        return count / (time.perf_counter() - since)


FIGURE = Figure(name="worker_rate", title="Worker, events a second", measure=measure)

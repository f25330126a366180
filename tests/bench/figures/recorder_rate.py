"""JetStream to committed rows, beside a consumer that reads the same messages and does nothing with them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from recorder import bus as buses
from recorder.bus import Bus
from recorder.consumer import Consumer
from recorder.entries import Message
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.projector import Projector
from recorder.store import Store, open_store
from schemas import subjects
from tests.bench.browser import prepare
from tests.bench.corpus import Replay, record
from tests.bench.figure import Bench, Figure, Row, spread
from tests.bench.nats_server import nats_server
from tests.bench.publishing import all_acknowledged, make_stream, outbox_in, published
from worker.bus import PublishLink

RUNS = 10
ROUND_SECONDS = 60.0


class Backlog(Struct, frozen=True):
    """What waits in the stream."""

    events: int
    last: int


class _Reading(Projector):
    """Takes messages and only says so."""

    def __init__(self, store: Store, news: News) -> None:
        super().__init__(store, news, ())
        self._told = news

    async def apply(self, messages: Sequence[Message]) -> None:
        last = messages[-1]
        self._told.announce(last.stream, last.epoch, last.position)


async def measure(bench: Bench) -> list[Row]:
    """Both through the same backlog, by turns, each from the beginning with a database of its own."""
    rounds, events = bench.count(5, 2), bench.count(20_000, 4000)
    committed: list[float] = []
    read: list[float] = []
    async with nats_server(bench.directory / "nats") as nats_url:
        backlog = await _fill(bench, nats_url, events)
        async with buses.connect(nats_url, "bench") as bus:
            for turn in range(rounds):
                name = f"round-{turn}"
                committed.append(await _ours(bus, bench.directory, f"{name}-ours", backlog))
                read.append(await _only(bus, bench.directory, f"{name}-only", backlog))
                bench.progress(turn + 1, rounds)
    return [
        Row(
            label="JetStream → committed rows",
            unit="events/s",
            n=rounds * backlog.events,
            ours=spread(committed),
            baseline=spread(read),
            baseline_label="consuming only",
            note=f"median of {rounds} rounds over a backlog of {backlog.events:,} in {RUNS} runs",
        )
    ]


async def _fill(bench: Bench, nats_url: str, events: int) -> Backlog:
    """Publish real events of several runs."""
    corpus = await record(prepare(bench.directory))
    await make_stream(nats_url)
    link = PublishLink(nats_url, "bench")
    async with outbox_in(bench.directory / "outbox") as outbox:
        replays = [Replay(corpus, outbox) for _ in range(RUNS)]
        for replay in replays:
            await replay.attach()
            replay.feed(events // RUNS)
        async with published(link, outbox):
            last = await all_acknowledged(outbox)
    return Backlog(sum(replay.events for replay in replays), last)


async def _ours(bus: Bus, directory: Path, name: str, backlog: Backlog) -> float:
    async with open_store(directory / f"{name}.db", PROJECTIONS) as store:
        news = News()
        return await _rate(bus, store, Projector(store, news, PROJECTIONS), news, name, backlog)


async def _only(bus: Bus, directory: Path, name: str, backlog: Backlog) -> float:
    async with open_store(directory / f"{name}.db", PROJECTIONS) as store:
        news = News()
        return await _rate(bus, store, _Reading(store, news), news, name, backlog)


async def _rate(
    bus: Bus, store: Store, projector: Projector, news: News, durable: str, backlog: Backlog
) -> float:
    """Events a second until the last of the backlog is announced."""
    consumer = Consumer(bus, store, projector, news, stream=subjects.RUNS, durable=durable)
    since = time.perf_counter()
    task = asyncio.get_running_loop().create_task(consumer.run())
    try:
        if not await news.wait_for_position(subjects.RUNS, backlog.last, ROUND_SECONDS):
            raise TimeoutError(f"the backlog was not read within {ROUND_SECONDS:.0f} s")
        return backlog.events / (time.perf_counter() - since)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


FIGURE = Figure(name="recorder_rate", title="Recorder, events a second", measure=measure)

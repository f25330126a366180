"""A recorder's consumer and projector in this process, timed until they have a stream's last event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from recorder.bus import Bus
from recorder.consumer import Consumer
from recorder.entries import Message
from recorder.news import News
from recorder.projections import PROJECTIONS, Projection
from recorder.projector import Projector
from recorder.store import Store, open_store
from schemas import subjects
from tests.bench.processes import until

ROUND_SECONDS = 60.0


class Reading(Projector):
    """Takes messages and only says so."""

    def __init__(self, store: Store, news: News) -> None:
        super().__init__(store, news, ())
        self._told = news

    async def apply(self, messages: Sequence[Message]) -> None:
        last = messages[-1]
        self._told.announce(last.stream, last.epoch, last.position)


async def seconds_until(
    position: int,
    bus: Bus,
    database: Path,
    *,
    project: bool,
    begin: Callable[[], None] | None = None,
    projections: Sequence[Projection] = PROJECTIONS,
) -> float:
    """From the start of the consumer, or from `begin` with a consumer that waits, until `position` is committed.

    With `project` false it is only read. The database is new, and the consumer named after it.
    """
    async with open_store(database, projections) as store:
        news = News()
        projector = Projector(store, news, projections) if project else Reading(store, news)
        consumer = Consumer(
            bus, store, projector, news, stream=subjects.RUNS, durable=database.stem
        )

        async def follows() -> bool:
            return consumer.state == "following"

        since = time.perf_counter()
        task = asyncio.get_running_loop().create_task(consumer.run())
        try:
            if begin is not None:
                await until(follows, "the consumer")
                since = time.perf_counter()
                begin()
            if not await news.wait_for_position(subjects.RUNS, position, ROUND_SECONDS):
                raise TimeoutError(f"{position} was not reached within {ROUND_SECONDS:.0f} s")
            return time.perf_counter() - since
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

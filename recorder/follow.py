"""The one loop under everything live: woken, then reads the rows after the last position.

No event is handed over in memory, so a slow reader costs nothing but its place, and what one sees
live is what one sees when reading again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

from msgspec import Struct

from recorder.news import News
from recorder.queries.events import Happened, Place
from schemas import subjects
from schemas.resources import RunSummary

SILENCE_SECONDS = 15.0
PAGE = 500


class Silence(Struct, frozen=True):
    """Nothing was told for 15 s."""


class Ended(Struct, frozen=True):
    """The run has ended and all of its events were told."""

    run: RunSummary


Told = Happened | Silence | Ended


class Source(Struct, frozen=True):
    """Where a follower reads: `page`, at most so many events after a place; `run`, the run now."""

    page: Callable[[Place, int], Awaitable[Sequence[Happened]]]
    run: Callable[[], Awaitable[RunSummary]]


class Follower:
    """Tells what happens in a run after `place`; `place` moves on with it."""

    def __init__(self, run_id: str, source: Source, news: News, place: Place) -> None:
        self._run_id = run_id
        self._source = source
        self._news = news
        self.place = place

    async def tell(self) -> AsyncGenerator[Told, None]:
        """All that happens, until the run has ended or this recorder is closing."""
        with self._news.bell(self._run_id) as bell:
            told_at, ended = time.monotonic(), False
            while not (ended or self._news.closed):
                bell.clear()
                async for told in self.tell_now():
                    yield told
                    told_at, ended = time.monotonic(), isinstance(told, Ended)
                if not ended and not await _rings(bell, told_at + SILENCE_SECONDS):
                    yield Silence()
                    told_at = time.monotonic()

    async def tell_now(self) -> AsyncGenerator[Happened | Ended, None]:
        """What there is, and no waiting for more."""
        # First whether it has ended, then the events: so all up to its end are told.
        run = await self._source.run()
        async for happened in self._unread():
            yield happened
        if run.status != "active":
            yield Ended(run)

    async def _unread(self) -> AsyncIterator[Happened]:
        while True:
            seen = Place(self._news.epoch(subjects.RUNS), self._news.position(subjects.RUNS))
            page = await self._source.page(self.place, PAGE)
            for happened in page:
                self.place = happened.place
                yield happened
            if len(page) < PAGE:
                # Nothing that matches stands between the last one and what was committed before.
                self.place = max(self.place, seen)
                return


async def _rings(bell: asyncio.Event, deadline: float) -> bool:
    """Whether it rings before the deadline; one that rang for what is not told does not move that."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        return False
    with suppress(TimeoutError):
        await asyncio.wait_for(bell.wait(), seconds)
    return bell.is_set()

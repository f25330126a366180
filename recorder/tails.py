"""What stands in a run after a place, read once for all who stand there.

Followers of a run are woken together and mostly stand at one place. The first of them reads; the others
take what it found, until the run changes again. A filter picks from that too, as long as all there
is fits on a page: only who is far behind, and wants little of it, asks the database alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct, structs

from recorder.news import News
from recorder.queries import events as queries
from recorder.queries.events import EventFilter, Happened, Place
from recorder.store import Store
from schemas import subjects
from schemas.resources import RunSummary

PAGE = 100
MOST_PLACES = 8
EVERYTHING = EventFilter()


class Tail(Struct, frozen=True):
    """At most a page of what stands after a place; the next read begins at `end`.

    `run` is how the run was just before. `whole`: there was no more.
    """

    run: RunSummary
    happened: tuple[Happened, ...]
    end: Place
    whole: bool


class Known(Struct, frozen=True):
    """What was read of a run, by place, since it changed for the `edition`-th time."""

    edition: int
    tails: dict[Place, asyncio.Task[Tail]]


class Tails:
    """The reads of all followers."""

    def __init__(self, store: Store, news: News) -> None:
        self._store = store
        self._news = news
        self._known: dict[str, Known] = {}

    @contextmanager
    def bell(self, run_id: str) -> Iterator[asyncio.Event]:
        """The bell of a run. What is read in the block is kept for others until the last block ends."""
        with self._news.bell(run_id) as bell:
            try:
                yield bell
            finally:
                if self._news.listeners(run_id) == 1:
                    self._known.pop(run_id, None)

    async def after(self, run_id: str, place: Place, wanted: EventFilter) -> Tail:
        """The events after a place that are wanted, and the run. To be called under its bell.

        Raises RunNotFound.
        """
        tail = await self._shared(run_id, place)
        if wanted == EVERYTHING:
            return tail
        if not tail.whole:
            return await self._read(run_id, place, wanted)
        picked = tuple(each for each in tail.happened if wanted.matches(each.event))
        return structs.replace(tail, happened=picked)

    async def _shared(self, run_id: str, place: Place) -> Tail:
        tails = self._tails_of(run_id)
        task = tails.get(place)
        if task is None:
            if len(tails) == MOST_PLACES:
                del tails[next(iter(tails))]
            task = tails[place] = asyncio.create_task(self._read(run_id, place, EVERYTHING))
        try:
            return await asyncio.shield(task)  # others wait for it too
        finally:
            if task.done() and (task.cancelled() or task.exception()) and tails.get(place) is task:
                del tails[place]

    def _tails_of(self, run_id: str) -> dict[Place, asyncio.Task[Tail]]:
        """What is known of the run as it is now: whoever read before its last change read too early."""
        edition = self._news.edition(run_id)
        known = self._known.get(run_id)
        if known is None or known.edition != edition:
            known = self._known[run_id] = Known(edition, {})
        return known.tails

    async def _read(self, run_id: str, place: Place, wanted: EventFilter) -> Tail:
        seen = Place(self._news.epoch(subjects.RUNS), self._news.position(subjects.RUNS))
        read = await queries.events_after(self._store, run_id, wanted, place, PAGE)
        whole = len(read.happened) < PAGE
        end = read.happened[-1].place if read.happened else place
        if whole and not read.parked:
            # Nothing that is wanted stands between the last one and what was committed before.
            end = max(end, seen)
        return Tail(read.run, tuple(read.happened), end, whole)

"""What stands in a run after a place, events or activity, read once for all who stand there.

Followers of a run are woken together and mostly stand at one place. The first of them reads; the others
take what it found, until the run changes again. A filter picks from that too, as long as all there
is fits on a page: only who is far behind, and wants little of it, asks the database alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, Self, TypeVar

from msgspec import Struct, structs

from recorder.news import News
from recorder.queries.events import Happened, Place, Reading
from recorder.search import Words
from recorder.store import Store
from schemas import subjects
from schemas.resources import RunSummary

PAGE = 100
MOST_PLACES = 8

R = TypeVar("R")


class Wanted(Protocol[R]):
    """What of it a follower wants: a filter, which knows how to read what it is for."""

    @property
    def words(self) -> Words | None:
        """What it looks for in texts."""

    @property
    def everything(self) -> Self:
        """The filter that leaves nothing out."""

    def matches(self, resource: R, /) -> bool:
        """Whether that is wanted: the same that the query asks SQLite."""

    async def after(self, store: Store, run_id: str, place: Place, limit: int) -> Reading[R]:
        """The run, and the next of what is wanted after a place. Raises RunNotFound, CursorExpired."""


class Tail(Struct, Generic[R], frozen=True):
    """At most a page of what stands after a place; the next read begins at `end`.

    `run` is how the run was just before. `whole`: there was no more.
    """

    run: RunSummary
    happened: tuple[Happened[R], ...]
    end: Place
    whole: bool


Key = tuple[type[object], Place]  # of what kind the filter is, and where one stands


class Known(Struct, frozen=True):
    """What was read of a run since it changed for the `edition`-th time."""

    edition: int
    tails: dict[Key, asyncio.Task[Tail[Any]]]


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

    async def after(self, run_id: str, place: Place, wanted: Wanted[R]) -> Tail[R]:
        """What is wanted after a place, and the run. To be called under its bell.

        Raises RunNotFound.
        """
        tail = await self._shared(run_id, place, wanted.everything)
        if wanted == wanted.everything:
            return tail
        if not tail.whole:
            return await self._read(run_id, place, wanted)
        picked = await _picked(tail.happened, wanted)
        return structs.replace(tail, happened=picked)

    async def _shared(self, run_id: str, place: Place, everything: Wanted[R]) -> Tail[R]:
        tails, key = self._tails_of(run_id), (type(everything), place)
        task = tails.get(key)
        if task is None:
            if len(tails) == MOST_PLACES:
                del tails[next(iter(tails))]
            task = tails[key] = asyncio.create_task(self._read(run_id, place, everything))
        try:
            return await asyncio.shield(task)  # others wait for it too
        finally:
            if task.done() and (task.cancelled() or task.exception()) and tails.get(key) is task:
                del tails[key]

    def _tails_of(self, run_id: str) -> dict[Key, asyncio.Task[Tail[Any]]]:
        """What is known of the run as it is now: whoever read before its last change read too early."""
        edition = self._news.edition(run_id)
        known = self._known.get(run_id)
        if known is None or known.edition != edition:
            known = self._known[run_id] = Known(edition, {})
        return known.tails

    async def _read(self, run_id: str, place: Place, wanted: Wanted[R]) -> Tail[R]:
        seen = Place(self._news.epoch(subjects.RUNS), self._news.position(subjects.RUNS))
        read = await wanted.after(self._store, run_id, place, PAGE)
        whole = not read.more
        end = read.happened[-1].place if read.happened else place
        if whole and not read.parked:
            # Nothing that is wanted stands between the last one and what was committed before.
            end = max(end, seen)
        # SQLite was not asked for words.
        return Tail(read.run, await _picked(read.happened, wanted), end, whole)


async def _picked(happened: Sequence[Happened[R]], wanted: Wanted[R]) -> tuple[Happened[R], ...]:
    """Those that are wanted. To look for words takes long: others get their turn in between."""
    picked = []
    for each in happened:
        if wanted.matches(each.resource):
            picked.append(each)
        if wanted.words is not None:
            await asyncio.sleep(0)
    return tuple(picked)

"""An index beside a database that a test projects into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from recorder import cancelling
from recorder.entries import Message
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.projector import Projector
from recorder.queries.events import EventFilter
from recorder.queries.search import asked_of_all, search_events
from recorder.search import wanted
from recorder.search.indexing import Search
from recorder.store import Store, open_store
from schemas.events.page import PageTitle
from schemas.problems import StorageUnavailable
from tests.support import recorder_spec as spec
from tests.support.recorder_worker import FakeRun


class Searching:
    """A store, its projector, and the job that follows them. `search` waits for what was projected."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.news = News()
        self.projector = Projector(store, self.news, store.projections)
        self.search = Search(store, self.news)
        self.file = store.file.with_name(f"{store.file.name}.search")

    async def happen(self, *messages: Message) -> None:
        await self.projector.apply(messages)

    async def found(self, q: str) -> list[str]:
        """The titles of what is found, newest first, page after page."""
        assert await self.search.catch_up(20) == 0
        asked = asked_of_all(EventFilter(words=wanted(q)), None)
        texts: list[str] = []
        after: str | None = None
        while True:
            page = await search_events(self.store, self.search, asked, after, 3)
            texts += [msgspec.json.decode(hit.event.data)["title"] for hit in page.data]
            if (after := page.next_cursor) is None:
                return texts

    async def finds(self, q: str, titles: list[str]) -> bool:
        """Whether that is what is found now."""
        try:
            return await self.found(q) == titles
        except (StorageUnavailable, AssertionError):
            return False


@asynccontextmanager
async def searching(file: Path) -> AsyncIterator[Searching]:
    """Until the block ends; the index stands by then, as far as it can."""
    async with open_store(file, PROJECTIONS) as store:
        here = Searching(store)
        if (at := await store.find_checkpoint("RUNS")) is not None:
            here.news.announce("RUNS", at.epoch, at.position)
        job = asyncio.create_task(here.search.run())
        try:
            await _begun(here, job)
            yield here
        finally:
            await cancelling.end([job])


async def _begun(here: Searching, job: asyncio.Task[None]) -> None:
    while here.search.state.state == "starting" and not job.done():
        await asyncio.sleep(0.005)


def said(run: FakeRun, position: int, text: str) -> Message:
    """A title, at a position."""
    return spec.message(position, run.event(PageTitle(title=text)))


def said_all(run: FakeRun, first: int, texts: Sequence[str]) -> list[Message]:
    """One after another."""
    return [said(run, first + number, text) for number, text in enumerate(texts)]

"""Real runs as they were recorded once, told to a store as far as a test lets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from recorder.entries import Message
from recorder.follow import Ended, Follower, Silence
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.projector import Projector
from recorder.queries import activity as queries
from recorder.queries.activity import ActivityFilter
from recorder.queries.events import BEGINNING, Place
from recorder.store import Store
from recorder.tails import Tails
from schemas import subjects
from schemas.resources import ActivityItem
from tests.contract import corpus

RECORDINGS = ("stories/shop", "stories/shop-hosted", "stories/failing")
EVERYTHING = ActivityFilter()
NORMAL = ActivityFilter(view="normal")


def recorded(name: str) -> list[Message]:
    """What happened in a real run."""
    [file] = corpus.HERE.glob(f"{name}.jsonl*")
    messages = corpus.read(file)
    return [each for each in messages if each.stream == subjects.RUNS]


class World:
    """A real run as it was recorded once, told as far as a test lets it."""

    def __init__(self, store: Store, recording: str) -> None:
        self.store = store
        self.news = News()
        self.tails = Tails(store, self.news)
        self.messages = recorded(recording)
        self.run_id = self.messages[0].subject.split(".")[2]
        self._projector = Projector(store, self.news, PROJECTIONS)

    async def happen(self, count: int | None = None) -> None:
        """The next messages, or all that are left."""
        some = self.messages[:count]
        del self.messages[: len(some)]
        await self._projector.apply(some)

    async def page(self, wanted: ActivityFilter, cursor: str | None = None, **given: Any) -> Any:
        asked: dict[str, Any] = {"limit": 1000, "order": "asc", **given}
        return await queries.list_activity(self.store, self.run_id, wanted, after=cursor, **asked)

    async def whole(self, wanted: ActivityFilter = EVERYTHING, **given: Any) -> list[ActivityItem]:
        """The list, page by page."""
        found: list[ActivityItem] = []
        page = await self.page(wanted, **given)
        found += page.data
        while page.next_cursor is not None:
            page = await self.page(wanted, page.next_cursor, **given)
            assert page.data
            found += page.data
        return found

    async def matching(
        self, wanted: ActivityFilter, limit: int, order: Literal["asc", "desc"]
    ) -> list[ActivityItem]:
        """What has the words, page by page."""
        found: list[ActivityItem] = []
        cursor: str | None = None
        while True:
            page = await queries.list_matching(
                self.store, self.run_id, wanted, after=cursor, limit=limit, order=order
            )
            assert len(page.data) <= limit
            found += page.data
            cursor = page.next_cursor
            if cursor is None:
                return found

    def follower(self, wanted: ActivityFilter = EVERYTHING, place: Place = BEGINNING) -> Any:
        return Follower(self.run_id, wanted, place, self.tails, self.news)


def ids(items: Sequence[ActivityItem]) -> list[str]:
    return [item.id for item in items]


async def read(follower: Any) -> tuple[list[Any], bool]:
    """What there is to be told now, and whether the end is."""
    told: list[Any] = []
    async for some in follower.tell_now():
        assert not isinstance(some, Silence)
        if isinstance(some, Ended):
            return told, True
        told += some
    return told, False

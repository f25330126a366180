"""Followers of one run at one place share a read and its frames, and a filter picks what SQLite would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import tails
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.projector import Projector
from recorder.queries import events as queries
from recorder.queries.events import BEGINNING, EventFilter, Happened, Place
from recorder.store import Store, open_store
from recorder.tails import Tails
from schemas.problems import RunNotFound
from schemas.resources import RunEvent
from tests.support import recorder_spec as spec
from tests.support.recorder_worker import FakeRun, new_id

TYPES = ("network.one", "network.two", "browser.three", "unheard.of", "networker")
STATUSES = ("started", "failed", "")
IDS = ("p1", "p2", "")
TIMES = tuple(f"2026-01-01T00:00:0{second}.000Z" for second in range(4))


class Reads:
    """Counts reads; `slow` holds them back until it is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places: list[Place] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._read = queries.events_after
        monkeypatch.setattr(queries, "events_after", self._counted)

    async def _counted(self, *given: Any) -> Any:
        self.places.append(given[3])
        await self.go_on.wait()
        return await self._read(*given)


class World:
    """A store with its news, and one run that anything may happen in."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.news = News()
        self.tails = Tails(store, self.news)
        self.run = FakeRun("w1", new_id(), new_id())
        self._projector = Projector(store, self.news, PROJECTIONS)
        self._position = 0

    async def happen(self, count: int, **attributes: Any) -> None:
        messages = []
        for _ in range(count):
            self._position += 1
            messages.append(spec.message(self._position, self.run.event("x.y", **attributes)))
        await self._projector.apply(messages)

    async def after(self, place: Place, wanted: EventFilter | None = None) -> tails.Tail[RunEvent]:
        return await self.tails.after(self.run.run_id, place, wanted or EventFilter())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        world = World(store)
        await world.happen(3)
        yield world


def positions(happened: tuple[Happened[RunEvent], ...]) -> list[int]:
    return [each.place.position for each in happened]


async def test_followers_at_one_place_share_a_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    with world.tails.bell(world.run.run_id):
        found = await asyncio.gather(*(world.after(BEGINNING) for _ in range(20)))
        later = await world.after(BEGINNING)
    assert len(reads.places) == 1
    assert all(tail is later for tail in found)
    assert positions(later.happened) == [1, 2, 3]


async def test_read_from_before_a_change_is_not_shared_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    with world.tails.bell(world.run.run_id):
        reads.go_on.clear()
        early = asyncio.create_task(world.after(BEGINNING))
        await asyncio.sleep(0)
        await world.happen(1)
        late = asyncio.create_task(world.after(BEGINNING))
        await asyncio.sleep(0)
        reads.go_on.set()
        assert positions((await late).happened) == [1, 2, 3, 4]
        await early
        assert len(reads.places) == 2


async def test_nothing_is_kept_for_nobody(world: World) -> None:
    with world.tails.bell(world.run.run_id), world.tails.bell(world.run.run_id):
        await world.after(BEGINNING)
        assert world.tails._known
    assert not world.tails._known
    await world.happen(1)
    with world.tails.bell(world.run.run_id):
        assert positions((await world.after(BEGINNING)).happened) == [1, 2, 3, 4]


async def test_few_places_are_kept(world: World) -> None:
    await world.happen(30)
    with world.tails.bell(world.run.run_id):
        for position in range(30):
            await world.after(Place(spec.EPOCH, position))
        [known] = world.tails._known.values()
        assert len(known.tails) == tails.MOST_PLACES


async def test_filter_picks_from_what_all_share(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.happen(2, status="failed")
    reads = Reads(monkeypatch)
    with world.tails.bell(world.run.run_id):
        failed = await world.after(BEGINNING, EventFilter(status=("failed",)))
        everything = await world.after(BEGINNING)
    assert len(reads.places) == 1
    assert positions(failed.happened) == [4, 5]
    assert failed.happened[0] is everything.happened[3]
    assert failed.end == everything.end == Place(spec.EPOCH, 5)


async def test_who_is_far_behind_asks_alone(world: World) -> None:
    await world.happen(2 * tails.PAGE)
    await world.happen(1, status="failed")
    with world.tails.bell(world.run.run_id):
        failed = await world.after(BEGINNING, EventFilter(status=("failed",)))
        everything = await world.after(BEGINNING)
    assert positions(failed.happened) == [2 * tails.PAGE + 4]
    assert (len(everything.happened), everything.whole) == (tails.PAGE, False)
    assert everything.end == everything.happened[-1].place


async def test_read_that_fails_is_not_kept(world: World) -> None:
    nobody = new_id()
    with world.tails.bell(nobody):
        for _ in range(2):
            with pytest.raises(RunNotFound):
                await world.tails.after(nobody, BEGINNING, EventFilter())
        assert world.tails._known[nobody].tails == {}


async def test_reader_that_goes_away_takes_no_read_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    reads.go_on.clear()
    with world.tails.bell(world.run.run_id):
        first, second = (asyncio.create_task(world.after(BEGINNING)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        reads.go_on.set()
        assert positions((await second).happened) == [1, 2, 3]


some = st.sets(st.sampled_from(("network.*", *TYPES, "*", "net*")), max_size=2).map(tuple)
filters = st.builds(
    EventFilter,
    type=some,
    category=st.sets(st.sampled_from(("network", "browser", "runtime")), max_size=2).map(tuple),
    status=st.sets(st.sampled_from(("started", "failed")), max_size=2).map(tuple),
    page_id=st.none() | st.sampled_from(IDS),
    context_id=st.none() | st.sampled_from(IDS),
    connection_id=st.none() | st.sampled_from(IDS),
    since=st.none() | st.sampled_from(TIMES),
    until=st.none() | st.sampled_from(TIMES),
)


@pytest.fixture(scope="module")
async def varied(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A run with an event of each kind, status, page and time."""
    async with open_store(tmp_path_factory.mktemp("varied") / "x.db", PROJECTIONS) as store:
        world = World(store)
        kinds = [(kind, status) for kind in TYPES for status in STATUSES]
        messages = [
            spec.message(
                number + 1,
                world.run.event(
                    kind,
                    status=status,
                    pageid=IDS[number % 3],
                    contextid=IDS[number % 2],
                    connectionid=IDS[(number + 1) % 3],
                    time=TIMES[number % 4],
                ),
            )
            for number, (kind, status) in enumerate(kinds)
        ]
        await Projector(store, world.news, PROJECTIONS).apply(messages)
        yield world


@settings(deadline=None)
@given(wanted=filters)
async def test_filter_in_memory_is_the_filter_in_sql(varied: World, wanted: EventFilter) -> None:
    read = (varied.store, varied.run.run_id)
    everything = (await queries.events_after(*read, EventFilter(), BEGINNING, 100)).happened
    asked = (await queries.events_after(*read, wanted, BEGINNING, 100)).happened
    picked = [each.place for each in everything if wanted.matches(each.resource)]
    assert picked == [each.place for each in asked]

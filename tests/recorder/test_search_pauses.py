"""Whoever looks for words lets others have their turn, however long the texts are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from recorder.follow import Follower
from recorder.queries.events import BEGINNING, EventFilter
from recorder.queries.search import asked_of_all, list_matching, search_events
from recorder.search import wanted
from recorder.tails import Tails
from schemas.events.console import ConsoleArgument, ConsoleMessage
from tests.support import recorder_spec as spec
from tests.support.recorder_search import Searching, searching
from tests.support.recorder_worker import FakeRun, new_id

RUN = FakeRun("w1", new_id(), new_id())
EVENTS = 60
HITS = 50
SMALL = 0.25  # of all the time; on the loop itself it is 0.7 to 0.9
TRIES = 10  # a busy machine makes pauses too, but not always


def talk(number: int) -> ConsoleMessage:
    """30 arguments of 2 KiB each, with accents, which take longest to read."""
    args = [
        ConsoleArgument(type="string", text=f"{number}-{arg} " + "wört é " * 290)
        for arg in range(30)
    ]
    return ConsoleMessage(level="info", text="wört " * 400, args=args)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Searching]:
    async with searching(tmp_path / "x.db") as here:
        await here.happen(*(spec.message(n + 1, RUN.event(talk(n))) for n in range(EVENTS)))
        assert await here.search.catch_up(20) == 0
        yield here


async def longest_pause(work: Awaitable[int]) -> float:
    """What part of the time that some work takes nothing else could go on; it must find something."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            since = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - since)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0)
    since = time.monotonic()
    found = await work
    took = time.monotonic() - since
    await asyncio.sleep(0)  # also what it did last is a pause
    beating.cancel()
    assert found
    return longest / took


WANTED = EventFilter(words=wanted("wort"))


async def search(here: Searching) -> int:
    asked = asked_of_all(WANTED, None)
    return len((await search_events(here.store, here.search, asked, None, HITS)).data)


async def listed(here: Searching) -> int:
    page = await list_matching(
        here.store, here.search, RUN.run_id, WANTED, after=None, limit=HITS, order="asc"
    )
    return len(page.data)


async def streamed(here: Searching) -> int:
    tails = Tails(here.store, here.news)
    follower = Follower(RUN.run_id, WANTED, BEGINNING, tails, here.news)
    return sum([len(told) async for told in follower.tell_now() if isinstance(told, tuple)])


@pytest.mark.parametrize("look", [search, listed, streamed])
async def test_others_have_their_turn(
    here: Searching, look: Callable[[Searching], Awaitable[int]]
) -> None:
    pauses: list[float] = []
    while len(pauses) < TRIES and not any(pause < SMALL for pause in pauses):
        pauses.append(await longest_pause(look(here)))
    assert min(pauses) < SMALL

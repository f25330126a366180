"""Recall and precision: what a server saw, and what the record of a real stack says that it saw."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Playwright

from tests.support.eventually import eventually
from tests.support.observed_site import ObservedSite, Route
from tests.support.recall import Comparison, Hop, compare, hops_of, join, untimely
from tests.support.recording import Recording, recording
from tests.support.run import Event, Run, assert_whole
from tests.support.situations import SITUATIONS, Record, Scene, Situation
from tests.support.stack import Stack

SETTLED_S = 60.0

Driven = dict[str, tuple[Situation, str]]  # by the situation's name; its browser context's id


@pytest.fixture(scope="module")
async def observed() -> AsyncIterator[ObservedSite]:
    routes: dict[str, Route] = {}
    for situation in SITUATIONS:
        routes |= situation.all_routes
    async with ObservedSite(routes) as site:
        yield site


@pytest.fixture(scope="module")
async def run(stack: Stack) -> AsyncIterator[Run]:
    run = await stack.run()
    yield run
    await run.end()


@pytest.fixture(scope="module")
async def followed(run: Run) -> AsyncIterator[Recording]:
    async with recording(run) as followed:
        yield followed


@pytest.fixture(scope="module")
async def browser(playwright: Playwright, run: Run) -> AsyncIterator[Browser]:
    browser = await playwright.chromium.connect_over_cdp(run.connect_url)
    yield browser
    await browser.close()


@pytest.fixture(scope="module")
def driven() -> Driven:
    """What was driven in this run."""
    return {}


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.name)
async def test_record_equals_the_servers_log(
    situation: Situation,
    observed: ObservedSite,
    run: Run,
    browser: Browser,
    followed: Recording,
    driven: Driven,
) -> None:
    context = await browser.new_context(**situation.context)
    page = await context.new_page()
    context_id = await _context_id(context, page)
    driven[situation.name] = situation, context_id
    try:
        await situation.drive(Scene(situation.name, observed, run, context, page))
        await _settled(situation, observed, followed.by_context[context_id])
    finally:
        await context.close()


async def _context_id(context: BrowserContext, page: Page) -> str:
    session = await context.new_cdp_session(page)
    target: dict[str, Any] = await session.send("Target.getTargetInfo")
    await session.detach()
    return str(target["targetInfo"]["browserContextId"])


async def _settled(situation: Situation, site: ObservedSite, events: list[Event]) -> None:
    """Wait until record and log agree; fails with what they differ in."""
    found: list[str] = []

    def agree() -> bool:
        found[:] = _differences(situation, site, events)
        return not found

    await eventually(agree, SETTLED_S, explain=lambda: "\n".join(["", *found]))


def _differences(situation: Situation, site: ObservedSite, events: list[Event]) -> list[str]:
    joined = join(events)
    compared = _compared(situation, site, joined.hops)
    surprises = situation.surprises(Record(events, joined.hops), compared.unseen)
    return joined.strays + compared.differences() + surprises


def _compared(situation: Situation, site: ObservedSite, hops: list[Hop]) -> Comparison:
    log = site.seen(f"/{situation.name}/")
    hidden = situation.hidden(log)
    return compare([each for each in log if each not in hidden], hops, situation.sizes)


@pytest.fixture
async def ended(run: Run, driven: Driven) -> dict[str, list[Event]]:
    """The events of each situation, asked for once the run has ended."""
    await run.end()
    events = await run.events()
    assert_whole(events)
    ours = {context_id for _, context_id in driven.values()}
    requests = [each for each in events if each["category"] == "network"]
    assert not [each for each in requests if each.get("contextId") not in ours]
    return {
        name: [each for each in events if each.get("contextId") == context_id]
        for name, (_, context_id) in driven.items()
    }


async def test_nothing_came_later(
    observed: ObservedSite, driven: Driven, ended: dict[str, list[Event]]
) -> None:
    """Of the ended run: numbers without a hole, and each situation's record is still the server's log."""
    later = [
        difference
        for name, (situation, _) in driven.items()
        for difference in _compared(situation, observed, hops_of(ended[name])).differences()
    ]
    assert not later, "\n".join(["", *later])


async def test_times_are_the_servers(
    observed: ObservedSite, driven: Driven, ended: dict[str, list[Event]]
) -> None:
    """Each request arrived while Chromium says that it was on its way, by the host's clock."""
    pairs = [
        pair
        for name, (situation, _) in driven.items()
        for pair in _compared(situation, observed, join(ended[name]).hops).pairs
    ]
    assert pairs
    wrong = untimely(pairs)
    assert not wrong, "\n".join(["", *wrong])

"""Loading a page with everything recorded, beside the same loads in a plain Chromium by the same client.

A second baseline is a Chromium that tells as much to a client that drops it: what CDP itself costs, whoever records.
Each load begins on a machine at rest: what a load leaves to do (ours: to publish and to store) would otherwise slow
whichever load comes next, which is another browser's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from tests.bench.browser import launched, prepare
from tests.bench.cdp import Cdp, Page, over_websocket
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.ordinary_page import PATH as ORDINARY
from tests.bench.ordinary_page import OrdinarySite
from tests.bench.stack import stack
from worker.tap.calls import DOCUMENT

REST_SECONDS = 0.1
TARGETS = (at_most(1.05),)
KINDS = {
    "page load, recorded": ("/", "/about.html", "/quote.html"),
    "  an ordinary page, 38 requests": (ORDINARY,),
    "  with an iframe of another origin": ("/frame.html",),  # which gets a process of its own
}


async def measure(bench: Bench) -> list[Row]:
    """Every page in all three browsers by turns."""
    loads = bench.count(51, 6)
    async with OrdinarySite() as site, _pages(bench) as pages:
        rows = []
        for number, (label, paths) in enumerate(KINDS.items()):
            urls = [site.url + path for path in paths]
            took = []
            for turn in range(-len(urls), loads):  # the first of each only warms up
                in_each = await _in_each(pages, urls[turn % len(urls)], first=turn % len(pages))
                took += [in_each] if turn >= 0 else []
                bench.progress(number * loads + max(0, turn + 1), len(KINDS) * loads)
            rows += _rows(label, took)
    return rows


@asynccontextmanager
async def _pages(bench: Bench) -> AsyncIterator[tuple[Page, Page, Page]]:
    """A page in a browser of ours, in a plain one, and in one that is listened to, each by the same client."""
    setup = prepare(bench.directory)
    async with AsyncExitStack() as parts:
        whole = await parts.enter_async_context(stack(bench.directory))
        run = await parts.enter_async_context(whole.active())
        recorded = await parts.enter_async_context(over_websocket(run.connect_url))
        pages = [await Page.open(recorded)]
        plain = await parts.enter_async_context(launched(setup, place=0, with_port=True))
        heard = await parts.enter_async_context(launched(setup, place=1, with_port=True))
        for browser in (plain, heard):
            direct = await parts.enter_async_context(over_websocket(browser.port_url))
            pages.append(await Page.open(direct))
        await _listen(heard.cdp, pages[-1])
        yield pages[0], pages[1], pages[2]


async def _listen(cdp: Cdp, page: Page) -> None:
    """Have a page tell all that our tap asks for, over the browser's pipe, to a client that drops it."""
    await cdp.call("Target.setDiscoverTargets", {"discover": True})
    params = {"targetId": page.target, "flatten": True}
    attached = await cdp.call("Target.attachToTarget", params)
    session = msgspec.json.decode(attached)["sessionId"]
    for method, params in DOCUMENT:
        await cdp.call(method, params, session)


async def _in_each(pages: Sequence[Page], url: str, *, first: int) -> list[float]:
    """One load in each browser, one after the other; the milliseconds in the order of the pages."""
    took_ms = [0.0] * len(pages)
    for place in range(first, first + len(pages)):
        page = place % len(pages)
        took_ms[page] = await pages[page].load(url)
        await asyncio.sleep(REST_SECONDS)
    return took_ms


def _rows(label: str, took: Sequence[Sequence[float]]) -> list[Row]:
    ours, plain, heard = (spread(each) for each in zip(*took, strict=True))
    beside_plain = Row(
        label=label,
        unit="ms",
        n=len(took),
        ours=ours,
        baseline=plain,
        baseline_label="plain Chromium",
        targets=TARGETS,
    )
    beside_heard = Row(
        label="    the same",
        unit="ms",
        n=len(took),
        ours=ours,
        baseline=heard,
        baseline_label="CDP alone",
    )
    return [beside_plain, beside_heard]


FIGURE = Figure(name="page_load", title="Page load", measure=measure, deadline_seconds=400.0)

"""Loading a page with everything recorded, beside the same loads in a plain Chromium by the same client.

Each load begins on a machine at rest: what a load leaves to do (ours: to publish and to store) would otherwise slow
whichever load comes next, which is the other browser's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from tests.bench.browser import launched, prepare
from tests.bench.cdp import Page, over_websocket
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.ordinary_page import PATH as ORDINARY
from tests.bench.ordinary_page import OrdinarySite
from tests.bench.stack import stack

REST_SECONDS = 0.1
TARGETS = (at_most(1.05),)
KINDS = {
    "page load, recorded": ("/", "/about.html", "/quote.html"),
    "  an ordinary page, 38 requests": (ORDINARY,),
    "  with an iframe of another origin": ("/frame.html",),  # which gets a process of its own
}


async def measure(bench: Bench) -> list[Row]:
    """Every page in both browsers by turns."""
    loads = bench.count(51, 6)
    async with OrdinarySite() as site, _pages(bench) as pages:
        rows = []
        for number, (label, paths) in enumerate(KINDS.items()):
            urls = [site.url + path for path in paths]
            took = []
            for turn in range(-len(urls), loads):  # the first of each only warms up
                in_both = await _both(pages, urls[turn % len(urls)], ours_first=turn % 2 == 0)
                took += [in_both] if turn >= 0 else []
                bench.progress(number * loads + max(0, turn + 1), len(KINDS) * loads)
            rows.append(_row(label, took))
    return rows


@asynccontextmanager
async def _pages(bench: Bench) -> AsyncIterator[tuple[Page, Page]]:
    """A page in a browser of ours, and one in a plain Chromium, each by the same client over a WebSocket."""
    setup = prepare(bench.directory)
    async with AsyncExitStack() as parts:
        whole = await parts.enter_async_context(stack(bench.directory))
        run = await parts.enter_async_context(whole.active())
        plain = await parts.enter_async_context(launched(setup, with_port=True))
        recorded = await parts.enter_async_context(over_websocket(run.connect_url))
        direct = await parts.enter_async_context(over_websocket(plain.port_url))
        yield await Page.open(recorded), await Page.open(direct)


async def _both(pages: tuple[Page, Page], url: str, *, ours_first: bool) -> tuple[float, float]:
    """One load in each browser, one after the other."""
    recorded, plain = pages
    if ours_first:
        return await _load(recorded, url), await _load(plain, url)
    in_plain = await _load(plain, url)
    return await _load(recorded, url), in_plain


async def _load(page: Page, url: str) -> float:
    took_ms = await page.load(url)
    await asyncio.sleep(REST_SECONDS)
    return took_ms


def _row(label: str, took: Sequence[tuple[float, float]]) -> Row:
    return Row(
        label=label,
        unit="ms",
        n=len(took),
        ours=spread([ours for ours, _ in took]),
        baseline=spread([plain for _, plain in took]),
        baseline_label="plain Chromium",
        targets=TARGETS,
    )


FIGURE = Figure(name="page_load", title="Page load", measure=measure, deadline_seconds=400.0)

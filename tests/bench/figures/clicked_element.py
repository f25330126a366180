"""What it adds to a click that the page is asked what was clicked: by Playwright's click, and by the two raw calls."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import msgspec
from playwright.async_api import Page as PlaywrightPage
from playwright.async_api import async_playwright

from tests.bench.cdp import Cdp, Page, over_websocket
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.support.real_runtime import RealRuntime, real_runtime
from worker.tap import inputs

WARM_UP = 10
ROWS = 3_333  # of three elements each
BUTTON = "<button style='position:fixed;left:0;top:0;width:90px;height:40px'><b>Buy</b></button>"
PAGES = {
    "a small page": BUTTON,
    "10,000 elements": BUTTON + "<div><p>Text <a href='#'>link</a></p></div>" * ROWS,
}

Click = Callable[[], Awaitable[object]]


async def measure(bench: Bench) -> list[Row]:
    """Each click with the question and without, by turns, in the same page."""
    inputs.ASKED_PER_SECOND = 1_000_000  # clicks come faster here than they are asked about
    async with real_runtime(bench.directory) as real:
        of_each = [await _on_page(bench, real, name) for name in PAGES]
    return [row for rows in of_each for row in rows]


async def _on_page(bench: Bench, real: RealRuntime, name: str) -> list[Row]:
    count = bench.count(100, 20)
    async with _clicks(real, PAGES[name]) as clicks:
        took = {way: await _by_turns(bench, real, click, count) for way, click in clicks.items()}
    return [_row(way, name, *asked_or_not) for way, asked_or_not in took.items()]


def _row(way: str, name: str, asked: list[float], unasked: list[float]) -> Row:
    return Row(
        label=f"click by {way}, {name}",
        unit="ms",
        n=len(asked),
        ours=spread(asked),
        baseline=spread(unasked),
        baseline_label="not asked",
        compare="difference",
        targets=(at_most(1, plus=1),),
    )


async def _by_turns(
    bench: Bench, real: RealRuntime, click: Click, count: int
) -> tuple[list[float], list[float]]:
    took: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(-WARM_UP, count):
        for asks in (True, False) if turn % 2 else (False, True):
            with_question(real, asks)
            ms = await _duration_ms(click)
            if turn >= 0:
                took[asks].append(ms)
        bench.progress(max(0, turn), count)
    with_question(real, True)
    return took[True], took[False]


async def _duration_ms(click: Click) -> float:
    since = time.perf_counter()
    await click()
    return (time.perf_counter() - since) * 1000


def with_question(real: RealRuntime, asks: bool) -> None:
    """Whether the tap hears of what clients do to a page's elements."""
    tap: Any = real.runtime.attachments.pages
    tap.acting = tap._inputs.calling if asks else lambda *_call: None


@asynccontextmanager
async def _clicks(real: RealRuntime, html: str) -> AsyncIterator[Mapping[str, Click]]:
    """Both ways to click, on one page: of two the one behind would draw nothing, and Playwright waits for that."""
    url = "data:text/html," + quote(html)
    async with async_playwright() as playwright, over_websocket(real.connect_url) as cdp:
        browser = await playwright.chromium.connect_over_cdp(real.connect_url)
        page = await browser.contexts[0].new_page()
        await page.goto(url)
        raw = await _same_page(cdp, real)
        yield {"Playwright": _by_playwright(page), "two raw calls": _by_calls(raw)}
        await page.close()


async def _same_page(cdp: Cdp, real: RealRuntime) -> Page:
    target_id = real.of("page.opened")[-1]["_page"]
    attached = await cdp.call("Target.attachToTarget", {"targetId": target_id, "flatten": True})
    return Page(cdp, msgspec.json.decode(attached)["sessionId"], target_id)


def _by_playwright(page: PlaywrightPage) -> Click:
    return lambda: page.click("button")


def _by_calls(page: Page) -> Click:
    async def click() -> None:
        for kind in ("mousePressed", "mouseReleased"):
            params = {"type": kind, "x": 20, "y": 20, "button": "left", "clickCount": 1}
            await page.cdp.call("Input.dispatchMouseEvent", params, page.session)

    return click


FIGURE = Figure(name="clicked_element", title="Asking for the clicked element", measure=measure)

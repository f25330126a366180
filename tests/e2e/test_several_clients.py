"""Several clients on one browser, of different kinds: none disturbs another."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Playwright

from deploy.site import Site
from tests.support.eventually import eventually
from tests.support.node_client import NodeClient
from tests.support.run import Run


@pytest.fixture(autouse=True)
async def attached(run: Run, puppeteer: NodeClient, node_playwright: NodeClient) -> None:
    """Both Node clients are on the browser too."""
    await asyncio.gather(
        *(each("attach", run.connect_url) for each in (puppeteer, node_playwright))
    )


async def test_three_kinds_work_at_once(
    page: Page, puppeteer: NodeClient, node_playwright: NodeClient, site: Site
) -> None:
    titles = await asyncio.gather(
        puppeteer("goto", f"{site.url}/about.html"),
        node_playwright("goto", f"{site.url}/quote.html"),
        _goto(page, f"{site.url}/popup.html"),
    )
    assert len(set(titles)) == 3


async def _goto(page: Page, url: str) -> str:
    await page.goto(url)
    return await page.title()


async def test_one_sees_the_pages_of_the_others(
    browser: Browser, page: Page, puppeteer: NodeClient, site: Site
) -> None:
    await page.goto(f"{site.url}/quote.html")
    await puppeteer("goto", f"{site.url}/about.html")
    assert f"{site.url}/quote.html" in await puppeteer("urls")
    seen = browser.contexts[0].pages
    await eventually(lambda: f"{site.url}/about.html" in [each.url for each in seen])


@pytest.mark.parametrize("leaver", ["puppeteer", "node_playwright"])
async def test_closing_the_browser_ends_that_client_only(
    page: Page,
    run: Run,
    puppeteer: NodeClient,
    node_playwright: NodeClient,
    site: Site,
    leaver: str,
) -> None:
    leaves, stays = puppeteer, node_playwright
    if leaver == "node_playwright":
        leaves, stays = stays, leaves
    await leaves("close")
    assert await stays("goto", f"{site.url}/about.html") == "Our story · Reel & Co."
    assert await page.evaluate("6 * 7") == 42
    assert (await run.get())["status"] == "active"


async def test_python_closing_its_browser_ends_that_client_only(
    playwright: Playwright, run: Run, puppeteer: NodeClient
) -> None:
    browser = await playwright.chromium.connect_over_cdp(run.connect_url)
    await browser.close()
    assert await puppeteer("evaluate", "6 * 7") == 42
    assert (await run.get())["status"] == "active"


async def test_a_client_that_is_killed_leaves_the_others_alone(
    run: Run, page: Page, tmp_path: Path
) -> None:
    async with NodeClient("puppeteer", tmp_path) as client:
        await client("attach", run.connect_url)
    closed = (await eventually(lambda: run.events(type="connection.closed")))[0]
    opened = await run.events(type="connection.opened")
    assert closed["connectionId"] in [each["connectionId"] for each in opened]
    assert await page.evaluate("6 * 7") == 42


async def test_a_large_answer_does_not_keep_the_others_waiting_for_good(
    page: Page, puppeteer: NodeClient
) -> None:
    size = 32 * 1024 * 1024
    large = asyncio.create_task(puppeteer("answerSize", size))
    answers = 0
    while not large.done():
        assert await page.evaluate("1") == 1
        answers += 1
    assert await large == size
    assert answers > 0

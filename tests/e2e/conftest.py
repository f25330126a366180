"""A run, a Playwright attached to it, and the original system's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from bctrl import Bctrl, StartedRuntime
from playwright.async_api import Browser, Page, Playwright, async_playwright

from deploy.site import Site
from tests.support.node_client import NodeClient
from tests.support.run import Run
from tests.support.stack import Stack


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
async def node_playwright(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NodeClient]:
    """Playwright for Node, not yet attached."""
    async with NodeClient("playwright", tmp_path_factory.mktemp("node") / "none") as client:
        yield client


@pytest.fixture(scope="session")
async def puppeteer(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NodeClient]:
    """Puppeteer, not yet attached. Its directory for downloads does not exist."""
    async with NodeClient("puppeteer", tmp_path_factory.mktemp("node") / "downloads") as client:
        yield client


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as site:
        yield site


@pytest.fixture
async def run(stack: Stack) -> AsyncIterator[Run]:
    run = await stack.run()
    yield run
    await run.end()


@pytest.fixture
async def browser(playwright: Playwright, run: Run) -> AsyncIterator[Browser]:
    browser = await playwright.chromium.connect_over_cdp(run.connect_url)
    yield browser
    await browser.close()


@pytest.fixture
async def page(browser: Browser) -> Page:
    return await browser.contexts[0].new_page()


@pytest.fixture
def client(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Bctrl:
    monkeypatch.setenv("BCTRL_BASE_URL", stack.base_url)
    monkeypatch.setenv("BCTRL_API_KEY", stack.api_key)
    return Bctrl(timeout=60)


@pytest.fixture
def started(client: Bctrl) -> Iterator[StartedRuntime]:
    with client.runtimes.started_browser(name="judged") as started:
        yield started

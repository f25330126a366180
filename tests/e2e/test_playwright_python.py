"""Playwright for Python, attached as its user would: everything works that works on a local browser."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from playwright.async_api import Browser, Dialog, Error, Page, Playwright, expect

from deploy.site import Site
from tests.support.eventually import eventually
from tests.support.run import Run

MEGABYTE = 1024 * 1024


async def test_drives_a_page(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/quote.html")
    await page.click("form button")
    await expect(page.locator("#price")).to_be_visible()
    assert any(each.path.startswith("/api/quote?") for each in site.requests)


async def test_handles_a_popup(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/popup.html")
    async with page.expect_popup() as opening:
        await page.click("#open")
    popup = await opening.value
    async with popup.expect_event("close"):
        with suppress(Error):  # the answer to a click may go with the page that it closes
            await popup.click("#close")


async def test_reaches_into_a_frame_of_another_origin(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/frame.html")
    inside = page.frame_locator("iframe")
    await expect(inside.locator("#origin")).to_have_text(site.other_url)
    await inside.locator("#knock").click()
    await expect(page.locator("#state")).to_have_text(re.compile("Knocks heard: 1"))


async def test_has_contexts_of_its_own(browser: Browser, site: Site) -> None:
    first, second = await browser.new_context(), await browser.new_context()
    await first.add_cookies([{"name": "whose", "value": "first", "url": site.url}])
    pages = [await context.new_page() for context in (first, second)]
    for page in pages:
        await page.goto(f"{site.url}/about.html")
    assert [await page.evaluate("document.cookie") for page in pages] == ["whose=first", ""]


async def test_is_told_of_a_download_and_it_is_kept(page: Page, site: Site, run: Run) -> None:
    await page.goto(f"{site.url}/download.html")
    async with page.expect_download() as downloading:
        await page.click("a.button")
    download = await downloading.value
    assert download.suggested_filename == "report.csv"
    assert await download.failure() is None
    await run.event("artifact.created", name="report.csv")


@pytest.mark.parametrize(
    ("accept", "said"), [(True, "Handed over."), (False, "Back on the shelf.")]
)
async def test_answers_a_dialog(page: Page, site: Site, accept: bool, said: str) -> None:
    page.once("dialog", _answer(accept))
    await page.goto(f"{site.url}/dialog.html")
    await page.click("#collect")
    await expect(page.locator("#state")).to_have_text(said)


def _answer(accept: bool) -> Callable[[Dialog], Awaitable[None]]:
    return lambda dialog: dialog.accept() if accept else dialog.dismiss()


async def test_takes_a_screenshot(page: Page, site: Site) -> None:
    await page.goto(site.url)
    assert (await page.screenshot()).startswith(b"\x89PNG")


async def test_gets_an_answer_of_32_megabytes(page: Page) -> None:
    text = await page.evaluate("'x'.repeat(32 * 1024 * 1024)")
    assert len(text) == 32 * MEGABYTE


async def test_attaches_again_and_finds_its_page(
    playwright: Playwright, run: Run, page: Page, browser: Browser, site: Site
) -> None:
    await page.goto(f"{site.url}/about.html")
    await browser.close()
    again = await playwright.chromium.connect_over_cdp(run.connect_url)
    assert f"{site.url}/about.html" in [each.url for each in again.contexts[0].pages]
    await again.close()


async def test_is_let_go_when_the_run_is_stopped(
    playwright: Playwright, run: Run, browser: Browser
) -> None:
    await run.stop()
    await eventually(lambda: not browser.is_connected())
    with pytest.raises(Error, match="404"):
        await playwright.chromium.connect_over_cdp(run.connect_url)


async def test_needs_the_token_of_its_run(playwright: Playwright, run: Run) -> None:
    forged = run.connect_url[:-4] + "AAAA"
    with pytest.raises(Error, match="404"):
        await playwright.chromium.connect_over_cdp(forged)

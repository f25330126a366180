"""A walk through the demo site, one stop a kind of event: what the first run records."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from playwright.async_api import Dialog, Error, Page, async_playwright, expect

from deploy.site import Site
from schemas.problems import CannotStart

STOP_LIMIT_S = 20.0
ATTACH_LIMIT_S = 30.0
HINT = "What was recorded until then is on the API; try again with `runreel up --first-run`."

Stop = Callable[[Page, Site], Awaitable[Any]]


async def tour(connect_url: str, site: Site, say: Callable[[str], None]) -> None:
    """Attach Playwright to a run and browse the demo site. Raises CannotStart with the stop that
    failed.
    """
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.connect_over_cdp(
                connect_url, timeout=ATTACH_LIMIT_S * 1000
            )
            page = await browser.contexts[0].new_page()
        except Error as error:
            raise _failed("Playwright could not attach", error) from error
        page.set_default_timeout(STOP_LIMIT_S * 1000)
        for at, (name, stop) in enumerate(STOPS.items(), start=1):
            say(f"{name} ({at} of {len(STOPS)})")
            await _visit(name, stop(page, site))
        await browser.close()


async def _visit(name: str, stop: Awaitable[Any]) -> None:
    try:
        async with asyncio.timeout(STOP_LIMIT_S):
            await stop
    except (Error, AssertionError, TimeoutError) as error:
        raise _failed(f"it stopped at {name}", error) from error


def _failed(where: str, error: BaseException) -> CannotStart:
    said = str(error).strip().partition("\n")[0].rstrip(".") or f"no answer in {STOP_LIMIT_S:.0f} s"
    return CannotStart(f"The first run could not be recorded: {where}: {said}.", HINT)


async def _front_page(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/")
    await page.click("#restore")


async def _redirect(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/old")


async def _not_found(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/missing.html")


async def _script_errors(page: Page, site: Site) -> None:
    async with page.expect_event("pageerror"), page.expect_event("pageerror", _is_late):
        await page.goto(f"{site.url}/broken.html")


def _is_late(error: Error) -> bool:
    """The rejected promise comes after the exception."""
    return "blade" in error.message


async def _console(page: Page, site: Site) -> None:
    async with page.expect_console_message(lambda message: message.type == "error"):
        await page.goto(f"{site.url}/about.html")


async def _fetch(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/quote.html")
    await page.click("form button")
    await expect(page.locator("#price")).to_be_visible()


async def _popup(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/popup.html")
    async with page.expect_popup() as opening:
        await page.click("#open")
    popup = await opening.value
    async with popup.expect_event("close"):
        with suppress(Error):  # the answer to a click may go with the page that it closes
            await popup.click("#close")


async def _frame(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/frame.html")
    await page.frame_locator("iframe").locator("#knock").click()
    await expect(page.locator("#state")).to_have_text(re.compile("Knocks heard"))


async def _download(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/download.html")
    async with page.expect_download():  # the file itself may lie on another host
        await page.click("a.button")


async def _dialog(page: Page, site: Site) -> None:
    async def accept(dialog: Dialog) -> None:
        await dialog.accept()

    page.once("dialog", accept)
    await page.goto(f"{site.url}/dialog.html")
    await page.click("#collect")
    await expect(page.locator("#state")).to_have_text("Handed over.")


STOPS: dict[str, Stop] = {
    "the front page": _front_page,
    "a redirect": _redirect,
    "a page that is missing": _not_found,
    "a script that breaks": _script_errors,
    "a page that writes to the console": _console,
    "a fetch": _fetch,
    "a popup": _popup,
    "a frame of another origin": _frame,
    "a download": _download,
    "a dialog": _dialog,
}

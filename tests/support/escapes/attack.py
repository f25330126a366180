"""One way that a CDP client may take to its host, and what it brings back."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from tests.support.escapes.host import Host
from tests.support.worker_cdp import CdpCalls, CdpPage, CdpRefused

Loot = str
Try = Callable[[CdpCalls, Host], Awaitable[Loot | None]]

# What works does in a fraction; this is how long a wall is looked at.
LIMIT_S = 2.0
END_S = 60.0  # of a browser that has been told to end
TRIES = 5


class Attack(Struct, frozen=True):
    """An attack: the row of the table in SECURITY.md that it belongs to, and which wall holds it by itself.

    `chromium`: it closed that itself; it is tried so that a Chromium which opens it is seen. `ends_it`: where it
    works, the browser does not live on.
    """

    row: int
    run: Try
    system: bool = True
    gateway: bool = True
    chromium: bool = False
    ends_it: bool = False

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.row}-{getattr(self.run, '__name__', 'attack')}"


async def tried(attack: Attack, driver: CdpCalls, host: Host) -> Loot | None:
    """What it brings back; None where it was refused, got nothing or took too long."""
    before = await _pages(driver)
    driver.events.clear()
    host.service.close_connections()  # a connection that is there already needs no preconnect
    await asyncio.sleep(0)
    host.service.heard.clear()
    try:
        async with asyncio.timeout(END_S + LIMIT_S if attack.ends_it else LIMIT_S * 5):
            return await attack.run(driver, host)
    except (CdpRefused, TimeoutError, ConnectionError):
        return None
    finally:
        await _close(driver, before)


async def tried_again(attack: Attack, driver: CdpCalls, host: Host) -> Loot | None:
    """The same of what is to work: a busy browser may leave a hint, such as preconnect, unheeded."""
    for _ in range(TRIES):
        if (loot := await tried(attack, driver, host)) is not None:
            return loot
    return None


async def _pages(driver: CdpCalls) -> set[str]:
    listed = (await driver.call("Target.getTargets"))["targetInfos"]
    return {each["targetId"] for each in listed if each["type"] == "page"}


async def _close(driver: CdpCalls, kept: set[str]) -> None:
    """What an attack opened, if there is a browser yet."""
    with contextlib.suppress(ConnectionError):
        for target in await _pages(driver) - kept:
            with contextlib.suppress(CdpRefused):  # gone by itself
                await driver.call("Target.closeTarget", targetId=target)


async def soon(look: Callable[[], Any], limit_s: float = LIMIT_S) -> Any:
    """The first answer of `look` that counts as true, or None; what is refused meanwhile is no answer."""
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_s
    while loop.time() < end:
        try:
            looked = look()
            answer = await looked if asyncio.iscoroutine(looked) else looked
        except CdpRefused:
            answer = None
        if answer:
            return answer
        await asyncio.sleep(0.05)
    return None


async def page_at(driver: CdpCalls, url: str) -> CdpPage:
    """A page of its own that is there: what is said to it is not said to the blank one before it."""
    page = await driver.new_page()
    await page.goto(url)
    return page


async def site(driver: CdpCalls, origin: str) -> CdpPage:
    """A page of a web site that nobody serves: the client itself answers for it."""
    page = await driver.new_page()
    await intercepted(page, origin, "Fetch.fulfillRequest", html("<body>a site</body>"))
    return page


def html(text: str) -> dict[str, Any]:
    """An answer for `Fetch.fulfillRequest`."""
    headers = [{"name": "Content-Type", "value": "text/html"}]
    body = base64.b64encode(text.encode()).decode()
    return {"responseCode": 200, "responseHeaders": headers, "body": body}


async def intercepted(page: CdpPage, url: str, method: str, params: dict[str, Any]) -> None:
    """Navigate, and say what becomes of the request, if there is one; raises CdpRefused."""
    await page.call("Fetch.enable", patterns=[{"urlPattern": "*"}])
    page.client.events.clear()
    going = asyncio.create_task(page.call("Page.navigate", url=url))
    paused = asyncio.create_task(page.client.event("Fetch.requestPaused", page.session))
    try:
        await asyncio.wait({going, paused}, return_when=asyncio.FIRST_COMPLETED)
        if paused.done():
            await page.call(method, requestId=paused.result()["requestId"], **params)
            await page.call("Fetch.disable")
        await going
    finally:
        paused.cancel()
        going.cancel()


async def shows(page: CdpPage, wanted: str) -> Loot | None:
    """The page's address once its text has `wanted` in it."""

    async def look() -> Loot | None:
        text = await page.call("Runtime.evaluate", expression=TEXT, returnByValue=True)
        seen = str(text["result"].get("value", ""))
        return seen if wanted in seen else None

    found: Loot | None = await soon(look)
    return found


TEXT = "location.href + ' ' + document.documentElement.innerText"

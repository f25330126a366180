"""Powers over the browser itself, and what it tells of its host (rows 13, 15 and 16)."""

from __future__ import annotations

import contextlib

from tests.support.escapes.attack import END_S, Attack, Loot, Try, page_at, shows, soon
from tests.support.escapes.host import Host
from tests.support.worker_cdp import CdpCalls


async def cdp_for_a_page(driver: CdpCalls, host: Host) -> Loot | None:
    """A page's script gets CDP."""
    page = await page_at(driver, "data:text/html,<body></body>")
    await driver.call("Target.exposeDevToolsProtocol", targetId=page.target, bindingName="cdp")
    return "cdp" if await page.evaluate("typeof window.cdp.send === 'function'") else None


async def cdp_for_a_page_by_its_session(driver: CdpCalls, host: Host) -> Loot | None:
    """The same method on the session of a page."""
    page = await page_at(driver, "data:text/html,<body></body>")
    await page.call("Target.exposeDevToolsProtocol", targetId=page.target, bindingName="cdp")
    return "cdp" if await page.evaluate("typeof window.cdp.send === 'function'") else None


async def dev_tools(driver: CdpCalls, host: Host) -> Loot | None:
    """DevTools of a page, which is a target with powers of its own."""
    page = await page_at(driver, "data:text/html,<body></body>")
    return str((await driver.call("Target.openDevTools", targetId=page.target))["targetId"])


async def another_browser_session(driver: CdpCalls, host: Host) -> Loot | None:
    """A session that nobody looks at, and what it tells."""
    session = str((await driver.call("Target.attachToBrowserTarget"))["sessionId"])
    return str(await driver.call("SystemInfo.getInfo", session))[:200]


async def another_browser_session_by_a_page(driver: CdpCalls, host: Host) -> Loot | None:
    """The same method on the session of a page."""
    page = await driver.new_page()
    return str((await page.call("Target.attachToBrowserTarget"))["sessionId"])


def pages_of_its_own(url: str, wanted: str, name: str) -> Try:
    """Pages of Chromium's own."""

    async def attack(driver: CdpCalls, host: Host) -> Loot | None:
        return await shows(await driver.new_page(url), wanted)

    attack.__name__ = name
    return attack


def told(method: str) -> Try:
    """Facts about the host, by one method."""

    async def attack(driver: CdpCalls, host: Host) -> Loot | None:
        return str(await driver.call(method))[:200]

    attack.__name__ = method.replace(".", "_")
    return attack


def ended(method: str, *, on_page: bool = False) -> Try:
    """The end for all who use the browser."""

    async def attack(driver: CdpCalls, host: Host) -> Loot | None:
        page = await driver.new_page() if on_page else None
        call = page.call(method) if page is not None else driver.call(method)
        with contextlib.suppress(ConnectionError):
            await call
        return method if await soon(host.has_ended, END_S) else None

    attack.__name__ = method.replace(".", "_")
    return attack


async def crash_a_page(driver: CdpCalls, host: Host) -> Loot | None:
    """A page of whoever has it."""
    page = await page_at(driver, "data:text/html,<body></body>")
    await page.call("Inspector.enable")
    driver.send(b'{"id":999999,"method":"Page.crash","sessionId":"%s"}' % page.session.encode())
    driver.expect(999999)

    def crashed() -> bool:
        return any(event["method"] == "Inspector.targetCrashed" for event in driver.events)

    return "crashed" if await soon(crashed) else None


ATTACKS = [
    Attack(13, cdp_for_a_page, system=False),
    Attack(13, cdp_for_a_page_by_its_session, chromium=True),
    Attack(13, dev_tools, system=False),
    Attack(13, another_browser_session, system=False),
    Attack(13, another_browser_session_by_a_page, chromium=True),
    Attack(13, pages_of_its_own("chrome://settings/", "chrome://settings", "chrome_settings")),
    Attack(15, pages_of_its_own("chrome://version/", "Command Line", "chrome_version")),
    Attack(15, pages_of_its_own("chrome://gpu/", "chrome://gpu", "chrome_gpu")),
    Attack(15, told("SystemInfo.getInfo"), system=False),
    Attack(15, told("SystemInfo.getProcessInfo"), system=False),
    Attack(15, told("Browser.getHistograms"), system=False),
    Attack(16, ended("Browser.close"), system=False, ends_it=True),
    Attack(16, ended("Browser.crash"), system=False, ends_it=True),
    Attack(16, crash_a_page, system=False),
]

"""A run's connection for hosted actions: which of its pages is which, and whether they still live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from worker.targets import Targets
from worker.tools.driver import Driver, DriverUnavailable, attempt
from worker.tools.failures import Failed

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, CDPSession, Page

log = structlog.get_logger(__name__)

PAGE_SECONDS = 5.0
CLOSE_SECONDS = 2.0
NO_PAGE = "target.not_found"


class Session:
    """Connects when a page is asked for, and again when the connection or the driver was lost."""

    def __init__(
        self, driver: Driver, new_url: Callable[[], str], targets: Targets, *, scratch: Path
    ) -> None:
        self._driver = driver
        self._new_url = new_url
        self._targets = targets
        self._scratch = scratch
        self._browser: Browser | None = None
        self._epoch = 0
        self._pages: dict[str, Page] = {}
        self._crashed: set[Page] = set()
        self._new_page = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """Whether the browser can be asked."""
        if self._browser is None or self._epoch != self._driver.epoch:
            return False
        return self._browser.is_connected()

    async def connected(self) -> None:
        """See that it is. Raises DriverUnavailable."""
        if not self.is_connected:
            await self._connect()

    async def page(self, target_id: str | None) -> tuple[str, Page]:
        """That page, or the one in front, and its target id. Raises DriverUnavailable, Failed."""
        wanted = target_id or self._targets.fronts.active
        await self.connected()
        page = self._pages.get(wanted) or await self._found(wanted)
        if page in self._crashed:
            raise Failed("page.crashed", "The page has crashed; navigate another, or reload it.")
        return wanted, page

    async def revived(self, target_id: str | None) -> tuple[str, Page]:
        """A page that has crashed, in a process of its own again. Raises DriverUnavailable, Failed."""
        self._targets.revive(target_id or self._targets.fronts.active)
        await self.close()
        return await self.page(target_id)

    async def new_page(self) -> tuple[str, Page]:
        """Another page, and its target id. Raises DriverUnavailable."""
        await self.connected()
        page = await self._context.new_page()
        return await self._identify(page), page

    def has_page(self, target_id: str) -> bool:
        """Whether the browser still has it."""
        return target_id in self._targets.fronts.opened_in_order

    def has_crashed(self, target_id: str) -> bool:
        """Whether it crashed since we are connected."""
        return self._pages.get(target_id) in self._crashed

    async def close(self) -> None:
        """Leave; the next action connects anew."""
        browser = self._browser if self.is_connected else None
        self._browser = None
        self._pages.clear()
        self._crashed.clear()
        if browser is not None:
            await attempt(browser.close(), CLOSE_SECONDS)

    @property
    def _context(self) -> BrowserContext:
        assert self._browser is not None
        return self._browser.contexts[0]

    async def _connect(self) -> None:
        await self.close()
        silent = self._targets.asked()
        try:
            self._browser = await self._driver.connect(self._new_url, self._scratch)
        except DriverUnavailable:
            # One page with a script that never ends keeps Playwright from coming to any. What was busy for a part of
            # that time only has answered.
            if not silent:
                raise
            for each in silent:
                self._targets.stop_script(each)
            self._browser = await self._driver.connect(self._new_url, self._scratch)
        self._epoch = self._driver.epoch
        # With somebody who listens Playwright answers no dialog itself: that is the tap's, or an attached client's.
        self._context.on("dialog", lambda _dialog: None)
        self._context.on("page", lambda _page: self._new_page.set())

    async def _found(self, target_id: str) -> Page:
        """A page that was opened a moment ago may come yet."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PAGE_SECONDS):
                return await self._identified(target_id)
        if self.has_page(target_id):
            raise Failed("page.crashed", "The page does not answer.")
        which = f"no target {target_id}" if target_id else "no page; navigate opens one"
        raise Failed(NO_PAGE, f"The browser has {which}.")

    async def _identified(self, target_id: str) -> Page:
        """Raises TimeoutError where there is no such page."""
        while self.has_page(target_id):
            self._new_page.clear()
            await self._identify_all()
            if target_id in self._pages:
                return self._pages[target_id]
            await self._new_page.wait()
        raise TimeoutError

    async def _identify_all(self) -> None:
        known = set(self._pages.values())
        for page in self._context.pages:
            if page not in known and not page.is_closed():
                await self._identify_if_there(page)

    async def _identify_if_there(self, page: Page) -> None:
        """A page that is closed meanwhile is nobody's matter; nor is another one that fails."""
        try:
            await self._identify(page)
        except Exception as error:  # Playwright's, of any kind
            log.debug("page.not_identified", reason=str(error))

    async def _identify(self, page: Page) -> str:
        session = await self.cdp(page)
        try:
            info = await session.send("Target.getTargetInfo")
        finally:
            await attempt(session.detach(), CLOSE_SECONDS)
        target_id: str = info["targetInfo"]["targetId"]
        self._pages[target_id] = page
        page.on("close", lambda _page: self._forget(target_id))
        page.on("crash", lambda _page: self._crashed.add(page))
        return target_id

    def _forget(self, target_id: str) -> None:
        self._pages.pop(target_id, None)

    async def cdp(self, page: Page) -> CDPSession:
        """A CDP session of that page's."""
        return await self._context.new_cdp_session(page)

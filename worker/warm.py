"""The browsers of a host: some wait, started, for a run that needs no flags of its own; all have a place each.

A place is a number, and a uid with it. It is given away again once its browser's files are gone, so that no browser
has the uid of another that lives, waits or has left something: a file, or, where no jail ends with it, a process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

import structlog
from uuid_utils import uuid7

from schemas.runtime_config import RuntimeConfig
from worker.background import Background
from worker.browser import LAUNCH_SECONDS, Browser, BrowserSetup
from worker.cdp.switchboard import BrowserGone, CdpError
from worker.chromium import uids

log = structlog.get_logger(__name__)

OLDEST_SECONDS = 1800.0
LOOK_SECONDS = 10.0
# After the last start, so that a burst of them has the processor for itself.
QUIET_SECONDS = 0.2
# After one that did not come up, or that died waiting.
RETRY_SECONDS = 5.0

LAUNCH_ERRORS = (OSError, ValueError, TimeoutError, BrowserGone, CdpError)
NO_FLAGS = RuntimeConfig()


class Browsers:
    """Makes browsers, keeps `wanted` of them waiting, and clears away what is not used any more."""

    def __init__(self, setup: BrowserSetup, *, wanted: int = 0) -> None:
        self.setup = setup
        self._wanted = wanted
        self._waiting: dict[Browser, float] = {}  # since when, by the monotonic clock
        self._places: set[int] = set()
        self._coming: Browser | None = None
        self._starting = 0
        self._not_before = 0.0
        self._changed = asyncio.Event()
        self.background = Background()

    @property
    def waiting(self) -> int:
        """How many wait for a run."""
        return len(self._waiting)

    def take(
        self, config: RuntimeConfig, browser_id: str, *, keeps_profile: bool = False
    ) -> Browser:
        """One for a run: a warm one where that serves and is there, else one that is still to be launched."""
        if not keeps_profile and needs_no_flags(self.setup, config):
            warm = self._take_warm()
            if warm is not None:
                return warm
        return self._new(config, browser_id, keeps_profile=keeps_profile)

    def _take_warm(self) -> Browser | None:
        """The youngest that lives: it is the one least likely to have been swapped out."""
        alive = [browser for browser in self._waiting if not browser.is_dead]
        if not alive:
            return None
        del self._waiting[alive[-1]]
        self._changed.set()
        return alive[-1]

    def _new(
        self, config: RuntimeConfig, browser_id: str, *, keeps_profile: bool = False
    ) -> Browser:
        sandbox = self.setup.sandbox
        foreign = uids.in_use() if sandbox.may_outlive else frozenset()
        free = (place for place in count() if place not in self._places)
        place = next(place for place in free if sandbox.uid(place) not in foreign)
        self._places.add(place)
        return Browser(
            self.setup, config, place=place, browser_id=browser_id, keeps_profile=keeps_profile
        )

    async def clear_away(self, browser: Browser) -> None:
        """End it if it lives, remove its files and give its place away. What cannot be removed keeps its place."""
        if browser.process is not None and not browser.has_ended:
            browser.kill()
            await browser.process.ended
        if await browser.remove():
            self._places.discard(browser.place)

    @contextmanager
    def start_in_progress(self) -> Iterator[None]:
        """No other browser is started meanwhile for nobody."""
        self._starting += 1
        try:
            yield
        finally:
            self._starting -= 1
            self._wait(QUIET_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._not_before = max(self._not_before, time.monotonic() + seconds)
        self._changed.set()

    async def keep_warm(self) -> None:
        """Start those that are missing, one after the other, and replace those that are old; until cancelled."""
        while self._wanted:
            self._changed.clear()
            for browser in self._past_use():
                self._discard(browser)
            rest = self._not_before - time.monotonic()
            if rest <= 0:
                self._warm_one_that_is_missing()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_SECONDS, rest) if rest > 0 else LOOK_SECONDS):
                    await self._changed.wait()

    async def close(self) -> None:
        """End those that wait, for good; return when their files are gone."""
        self._wanted = 0
        self._changed.set()
        for browser in list(self._waiting):
            self._discard(browser)
        if self._coming is not None:
            self._coming.kill()
        await self.background.finished()

    def _warm_one_that_is_missing(self) -> None:
        if len(self._waiting) < self._wanted and not self._starting and self._coming is None:
            self._coming = self._new(NO_FLAGS, str(uuid7()))
            self.background.start(self._warm(self._coming))

    async def _warm(self, browser: Browser) -> None:
        try:
            async with asyncio.timeout(LAUNCH_SECONDS):
                await browser.launch()
        except Exception as error:  # whatever it was, neither process nor place may be left
            foreseen = isinstance(error, LAUNCH_ERRORS)
            reason = browser.last_words or str(error)
            log.warning("browsers.not_warm", reason=reason, exc_info=not foreseen)
            self._wait(RETRY_SECONDS)
            await self.clear_away(browser)
        else:
            browser.on_end = lambda _exit_code: self._on_dead(browser)
            self._waiting[browser] = time.monotonic()
            if not self._wanted:
                self._discard(browser)
        finally:
            self._coming = None
            self._changed.set()

    def _past_use(self) -> list[Browser]:
        oldest = time.monotonic() - OLDEST_SECONDS
        return [each for each, since in self._waiting.items() if since < oldest or each.is_dead]

    def _on_dead(self, browser: Browser) -> None:
        browser.switchboard.hang_up()
        if browser in self._waiting:
            log.warning("browsers.died_waiting", reason=browser.last_words)
            self._wait(RETRY_SECONDS)
            self._discard(browser)

    def _discard(self, browser: Browser) -> None:
        del self._waiting[browser]
        self.background.start(self.clear_away(browser))


def needs_no_flags(setup: BrowserSetup, config: RuntimeConfig) -> bool:
    """Whether it would be launched as one that nothing was asked of. Pure."""
    return setup.launch(setup.root, config) == setup.launch(setup.root, NO_FLAGS)

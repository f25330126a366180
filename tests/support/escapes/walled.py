"""A browser behind the operating system's wall alone: CDP on its pipe, no gateway, no flag that sends it to a proxy."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from uuid_utils import uuid7

from schemas.runtime_config import RuntimeConfig
from tests.support.escapes.driver import PipeDriver
from worker.browser import Browser, BrowserSetup, Launch
from worker.chromium import directory
from worker.chromium.find import find_chromium
from worker.chromium.sandbox import Sandbox, choose_sandbox

LEADS_TO_A_PROXY = ("--proxy-", "--host-resolver-", "--webrtc-", "--force-webrtc-")


class WithoutProxy(BrowserSetup, frozen=True):
    """Browsers that would connect by themselves, if they could."""

    def launch(self, directory: Path, config: RuntimeConfig, **more: Any) -> Launch:
        """As ever, without the flags."""
        launch = super().launch(directory, config, **more)
        kept = [each for each in launch.command if not each.startswith(LEADS_TO_A_PROXY)]
        return Launch(kept, launch.environment)


class Walled:
    """A started browser, and who drives it."""

    def __init__(self, browser: Browser, driver: PipeDriver) -> None:
        self.browser = browser
        self.driver = driver


def confined_in(root: Path) -> Sandbox:
    """The best that this machine has, for browsers in that directory."""
    directory.make_root(root)
    return choose_sandbox("auto", find_chromium(), root)


def jailed_in(root: Path) -> Sandbox:
    """As `confined_in`, with a jail; without one there is nothing to test, and CI must have one."""
    sandbox = confined_in(root)
    if sandbox.level != "namespace":
        (pytest.fail if os.environ.get("CI") else pytest.skip)(sandbox.level_note)
    return sandbox


@asynccontextmanager
async def walled_chromium(
    root: Path, sandbox: Sandbox, config: RuntimeConfig | None = None
) -> AsyncIterator[Walled]:
    """One for as long as the block."""
    setup = WithoutProxy(binary=find_chromium(), root=root, sandbox=sandbox)
    browser = Browser(setup, config or RuntimeConfig(), place=0, browser_id=str(uuid7()))
    try:
        await browser.launch()
        driver = PipeDriver(browser.switchboard)
        await driver.attach()
        yield Walled(browser, driver)
    finally:
        browser.kill()
        if browser.process is not None:
            await browser.process.ended
        await browser.remove()

"""Profiles, as users have them: by the API, and with Playwright."""

from __future__ import annotations

import pytest
from playwright.async_api import async_playwright

from deploy.site import Site
from tests.support.run import Run, answer, create_runtime, start
from tests.support.stack import Stack

pytestmark = [pytest.mark.nats, pytest.mark.browser]


async def cookies(run: Run, url: str, script: str = "") -> str:
    """What a page of the profile's own context has, after that script."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(run.connect_url)
        page = await browser.contexts[0].new_page()
        await page.goto(url)
        if script:
            await page.evaluate(script)
        return str(await page.evaluate("document.cookie"))


async def test_a_login_is_there_again_and_one_runtime_has_it(stack: Stack) -> None:
    async with Site() as site:
        shopper = await create_runtime(stack.http, profile="shop")
        run = await start(stack.http, shopper)
        assert await cookies(run, site.url, "document.cookie = 'session=mine'") == "session=mine"
        other = await create_runtime(stack.http, profile="shop")
        refused = await stack.http.post(f"/v1/runtimes/{other}/start")
        assert refused.status_code == 409
        assert refused.json()["code"] == "profile.in_use"
        await run.stop()
        events = await answer(stack.http, "GET", f"/v1/runs/{run.id}/events")
        kinds = [each["type"] for each in events["data"]]
        assert kinds.index("profile.opened") == 1
        assert kinds[-2:] == ["profile.saved", "runtime.lifecycle"]

        run = await start(stack.http, other)
        assert await cookies(run, site.url) == "session=mine"
        await run.stop()
        stranger = await start(stack.http, await create_runtime(stack.http, profile="other"))
        assert await cookies(stranger, site.url) == ""
        await stranger.stop()

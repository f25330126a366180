"""Connections and pages of a runtime over HTTP, with a real browser behind them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Error, Playwright

from deploy.site import Site
from tests.support.cdp_client import cdp_client
from tests.support.eventually import eventually
from tests.support.run import Run, answer


async def create(run: Run, **body: Any) -> dict[str, Any]:
    path = f"/v1/runtimes/{run.runtime_id}/connections"
    made: dict[str, Any] = await answer(run.http, "POST", path, json=body)
    return made


async def revoke(run: Run, connection_id: str) -> dict[str, Any]:
    path = f"/v1/runtimes/{run.runtime_id}/connections/{connection_id}"
    found: dict[str, Any] = await answer(run.http, "DELETE", path)
    return found


async def targets(run: Run, method: str = "GET", path: str = "", **more: Any) -> Any:
    where = f"/v1/runtimes/{run.runtime_id}/targets{path}"
    return await answer(run.http, method, where, **more)


async def test_playwright_comes_by_a_connection_until_it_is_revoked(
    run: Run, playwright: Playwright
) -> None:
    made = await create(run, protocol="cdp", ttlSeconds=60)
    browser = await playwright.chromium.connect_over_cdp(made["endpoint"]["url"])
    page = await browser.contexts[0].new_page()
    assert await page.evaluate("6 * 7") == 42
    gone = asyncio.Event()
    browser.on("disconnected", lambda _: gone.set())

    revoked = await revoke(run, made["id"])
    await asyncio.wait_for(gone.wait(), 60)
    assert revoked["status"] == "revoked"
    with pytest.raises(Error):
        await playwright.chromium.connect_over_cdp(made["endpoint"]["url"])

    await run.event("connection.created", protocol="cdp")
    revocation = await run.event("connection.revoked", dropped=1)
    closed = await run.event("connection.closed")
    assert revocation["connectionId"] == closed["connectionId"] == made["id"]
    # The run's own URL is another way in.
    other = await playwright.chromium.connect_over_cdp(run.connect_url)
    await other.close()


async def test_connection_that_has_expired_lets_nobody_new_in(
    run: Run, playwright: Playwright
) -> None:
    made = await create(run, ttlSeconds=10)
    async with cdp_client(made["endpoint"]["url"]) as client:
        path = f"/v1/runtimes/{run.runtime_id}/connections/{made['id']}"

        async def has_expired() -> bool:
            return bool((await answer(run.http, "GET", path))["status"] == "expired")

        await eventually(has_expired)
        with pytest.raises(Error):
            await playwright.chromium.connect_over_cdp(made["endpoint"]["url"])
        await client.call("Browser.getVersion")  # who is there stays


async def test_pages_over_http_are_those_of_the_browser(
    run: Run, playwright: Playwright, site: Site
) -> None:
    made = await targets(run, "POST", json={"uri": f"{site.url}/"})
    assert (made["runtimeId"], made["type"]) == (run.runtime_id, "browser_page")
    browser = await playwright.chromium.connect_over_cdp(run.connect_url)
    pages = browser.contexts[0].pages
    await eventually(lambda: any(page.url == f"{site.url}/" for page in pages))

    listed = (await targets(run))["data"]
    assert made["id"] in [each["id"] for each in listed]
    assert [each["id"] for each in listed if each["active"]] == [made["id"]]
    first = listed[0]["id"]
    assert (await targets(run, "POST", f"/{first}/activate"))["active"] is True
    assert (await targets(run, path=f"/{made['id']}"))["active"] is False

    assert await targets(run, "DELETE", f"/{made['id']}") == {"id": made["id"], "deleted": True}

    async def is_gone() -> bool:  # Chromium takes its time to close it
        return made["id"] not in [each["id"] for each in (await targets(run))["data"]]

    await eventually(is_gone)
    await browser.close()


async def test_page_of_a_place_where_none_may_go(run: Run) -> None:
    path = f"/v1/runtimes/{run.runtime_id}/targets"
    refused = await run.http.post(path, json={"uri": "file:///etc/passwd"})
    assert (refused.status_code, refused.json()["code"]) == (400, "request.invalid")

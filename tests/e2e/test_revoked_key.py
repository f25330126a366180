"""A key is revoked: whoever drives a browser by it is dropped, and others stay."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Browser, Page, Playwright

from tests.support.eventually import eventually
from tests.support.recorder_keys import KEYS, bearer
from tests.support.run import Run, answer
from tests.support.stack import Stack


async def test_revoking_a_key_drops_its_clients(
    stack: Stack, run: Run, playwright: Playwright, page: Page
) -> None:
    """`page` is of a client that came by the first key, and goes on."""
    made = await answer(stack.http, "POST", KEYS, json={"name": "robot"})
    path = f"/v1/runtimes/{run.runtime_id}"
    async with httpx.AsyncClient(
        base_url=stack.base_url, headers=bearer(made["secret"]), timeout=30
    ) as robot:
        shown = await answer(robot, "GET", path)
        connection = await answer(robot, "POST", f"{path}/connections", json={})
        urls = [shown["connectUrl"], connection["endpoint"]["url"]]
        assert run.connect_url not in urls
        clients = [await playwright.chromium.connect_over_cdp(url) for url in urls]
        await answer(stack.http, "DELETE", f"{KEYS}/{made['id']}")
        await eventually(lambda: not any(_attached(clients)))
        assert (await robot.get(path)).status_code == 401
    for url in urls:
        with pytest.raises(Exception, match="410"):
            await playwright.chromium.connect_over_cdp(url, timeout=10_000)
    assert await page.evaluate("1 + 1") == 2


def _attached(clients: list[Browser]) -> list[bool]:
    return [client.is_connected() for client in clients]

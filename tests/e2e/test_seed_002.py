"""Seed 002 (runtimes) as it is written, by our own client, in its order. What it says of artifacts is issue 6's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Error, Playwright

from deploy.site import Site
from recorder.client import Conflict, Runreel, RuntimeHandle
from tests.support.eventually import eventually
from tests.support.stack import Stack


@pytest.fixture
async def runreel(stack: Stack) -> AsyncIterator[Runreel]:
    async with Runreel(stack.base_url, stack.api_key) as runreel:
        yield runreel


@pytest.fixture
async def runtime(runreel: Runreel) -> AsyncIterator[RuntimeHandle]:
    space = await runreel.spaces.create("seed 002")
    async with await space.runtimes.browser.launch(
        name="quickbooks", profile="quickbooks-bot", metadata={"customerJobId": "job_123"}
    ) as runtime:
        yield runtime


async def test_the_page_from_its_top_to_its_end(
    runreel: Runreel, runtime: RuntimeHandle, playwright: Playwright, site: Site
) -> None:
    assert (runtime.name, runtime.status) == ("quickbooks", "active")
    assert runtime.resource.metadata == {"customerJobId": "job_123"}
    run = await runtime.current_run()
    assert run is not None
    assert run.id == runtime.active_run_id
    found = await runreel.runtimes.list(metadata={"customerJobId": "job_123"}).all()
    assert runtime.id in [each.id for each in found]

    connection = await runtime.connections.create(protocol="cdp")
    assert connection.url is not None
    browser = await playwright.chromium.connect_over_cdp(connection.url)
    page = await browser.contexts[0].new_page()
    here = (await run.events.wait(timeout_seconds=0)).cursor
    await page.goto(site.url)
    told = (
        await run.events.wait(type="connection.command", connection_id=connection.id, cursor=here)
    ).event
    assert told is not None
    assert told.connection_id == connection.id
    await eventually(run.events.list(type="navigation", status="finished").all)

    stopped = await runtime.stop()
    assert (stopped.stopped, stopped.status) == (True, "stopped")
    shown = await runreel.runtimes.get(runtime.id)
    assert (shown.status, shown.active_run_id) == ("stopped", None)
    assert await runtime.current_run() is None
    await eventually(lambda: not browser.is_connected())
    with pytest.raises(Error):
        await playwright.chromium.connect_over_cdp(connection.url, timeout=5_000)
    with pytest.raises(Conflict) as refused:
        await runtime.connections.create(protocol="cdp")
    assert refused.value.code == "runtime.not_active"
    assert [each.status async for each in runtime.connections.list()] == ["ended"]


async def test_a_revoked_connection_drops_who_came_by_it(
    runtime: RuntimeHandle, playwright: Playwright
) -> None:
    connection, other = [await runtime.connections.create() for _ in range(2)]
    assert connection.url
    assert other.url
    browser = await playwright.chromium.connect_over_cdp(connection.url)
    stays = await playwright.chromium.connect_over_cdp(other.url)
    await connection.revoke()
    await eventually(lambda: not browser.is_connected())
    assert stays.is_connected()
    with pytest.raises(Error):
        await playwright.chromium.connect_over_cdp(connection.url, timeout=5_000)
    assert {each.status async for each in runtime.connections.list()} == {"active", "revoked"}


async def test_targets_are_the_pages_there_are(runtime: RuntimeHandle, site: Site) -> None:
    made = await runtime.targets.create(site.url)
    assert made.active
    await eventually(lambda: _uri_is(runtime, made.id, site.url))
    [first, *_] = await runtime.targets.list().all()
    await first.activate()
    assert first.active
    await made.close()

    async def is_gone() -> bool:  # Chromium takes its time to close it
        return made.id not in [each.id async for each in runtime.targets.list()]

    await eventually(is_gone)


async def _uri_is(runtime: RuntimeHandle, target_id: str, url: str) -> bool:
    return (await runtime.targets.get(target_id)).uri.startswith(url)

"""Targets that are no pages of the web: a client is not attached to them, whoever made them and however it asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.escapes.driver import PipeDriver
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.worker_cdp import CdpClient, CdpPage, CdpRefused

pytestmark = pytest.mark.browser


@pytest.fixture
async def pipe(real: RealRuntime) -> PipeDriver:
    driver = PipeDriver(real.runtime.browser.switchboard)
    await driver.attach()
    return driver


@pytest.fixture
async def inner(pipe: PipeDriver) -> AsyncIterator[str]:
    """A page of Chromium's own, which no client could make."""
    made = await pipe.call("Target.createTarget", url="chrome://version/")

    async def is_there() -> bool:
        told = await pipe.call("Target.getTargetInfo", targetId=made["targetId"])
        return bool(told["targetInfo"]["url"].startswith("chrome:"))

    await eventually(is_there)
    yield made["targetId"]
    await pipe.call("Target.closeTarget", targetId=made["targetId"])


def shown(client: CdpClient) -> list[dict[str, Any]]:
    """What the client was told it is attached to."""
    told = [each for each in client.events if each["method"] == "Target.attachedToTarget"]
    return [each["params"]["targetInfo"] for each in told]


async def test_by_its_id(inner: str, client: CdpClient) -> None:
    with pytest.raises(CdpRefused, match="no page of the web"):
        await client.call("Target.attachToTarget", targetId=inner, flatten=True)
    assert shown(client) == []
    page = await client.new_page()
    assert await page.evaluate("1 + 1") == 2
    await page.close()


async def test_by_itself(inner: str, client: CdpClient, page: CdpPage, pipe: PipeDriver) -> None:
    everything: dict[str, Any] = {
        "autoAttach": True,
        "waitForDebuggerOnStart": True,
        "flatten": True,
    }
    await client.call("Target.setAutoAttach", **everything, filter=[{"type": "page"}])
    await eventually(lambda: page.target in [each["targetId"] for each in shown(client)])
    assert inner not in [each["targetId"] for each in shown(client)]
    # Nor does it wait for that client, who would never let it go on.
    attached = await pipe.call("Target.attachToTarget", targetId=inner, flatten=True)
    asked = {"expression": "1 + 1", "returnByValue": True}
    told = await pipe.call("Runtime.evaluate", attached["sessionId"], **asked)
    assert told["result"]["value"] == 2


async def test_by_what_is_related(inner: str, client: CdpClient) -> None:
    await client.call("Target.autoAttachRelated", targetId=inner, waitForDebuggerOnStart=False)
    await client.call("Browser.getVersion")
    assert shown(client) == []


async def test_not_even_who_knows_the_session(
    inner: str, client: CdpClient, real: RealRuntime
) -> None:
    await client.call("Browser.getVersion")
    switchboard = real.runtime.browser.switchboard
    before = set(switchboard._owners)
    with pytest.raises(CdpRefused):
        await client.call("Target.attachToTarget", targetId=inner, flatten=True)
    await eventually(lambda: not set(switchboard._owners) - before)


async def test_all_there_is_to_a_page(client: CdpClient, page: CdpPage) -> None:
    """Its tab, its frames and its workers are shown."""
    everything: dict[str, Any] = {
        "autoAttach": True,
        "waitForDebuggerOnStart": False,
        "flatten": True,
    }
    await page.call("Target.setAutoAttach", **everything)
    await page.evaluate("new Worker('data:text/javascript,0'); 0")
    await eventually(lambda: "worker" in [each["type"] for each in shown(client)])
    await client.call("Target.setAutoAttach", **everything, filter=[{"type": "tab"}])
    await eventually(lambda: "tab" in [each["type"] for each in shown(client)])


async def test_another_browser_session_has_the_same_rules(client: CdpClient) -> None:
    session = (await client.call("Target.attachToBrowserTarget"))["sessionId"]
    assert "product" in await client.call("Browser.getVersion", session)
    with pytest.raises(CdpRefused, match="it tells of the host"):
        await client.call("SystemInfo.getInfo", session)
    with pytest.raises(CdpRefused, match="leads out of the web"):
        await client.call("Target.createTarget", session, url="file:///etc/passwd")

"""What is refused is answered, told in the run, counted and logged."""

from __future__ import annotations

import pytest
import structlog

from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.worker_cdp import CdpClient, CdpPage, CdpRefused, cdp_client
from worker.gateway.policy import Refuse
from worker.gateway.refusals import Refusals

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("method", "code", "told_as"),
    [
        ("SystemInfo.getInfo", -32000, "SystemInfo.getInfo"),
        ("Page.navigate", -32000, "Page.navigate"),
        ("Made.up", -32601, "Made.up"),
        ("\x1b[31mred\x1b[0m.\u202e\r\nlines", -32601, "??31mred??0m.???lines"),
    ],
)
async def test_a_call_that_is_refused_is_a_command_that_failed(
    real: RealRuntime, page: CdpPage, method: str, code: int, told_as: str
) -> None:
    with pytest.raises(CdpRefused) as refused:
        await page.call(method, url="file:///etc/passwd")
    assert refused.value.code == code
    command = await real.until("connection.command", method=told_as, _page=page.target)
    assert command["_status"] == "failed"
    assert command["error"] == {"code": code, "message": str(refused.value)}


async def test_it_changes_nothing(page: CdpPage) -> None:
    before = await page.evaluate("location.href")
    with pytest.raises(CdpRefused):
        await page.call("Page.navigate", url="file:///etc/passwd")
    assert await page.evaluate("location.href") == before


async def test_it_is_logged_once_and_counted(real: RealRuntime) -> None:
    with structlog.testing.capture_logs() as lines:
        async with cdp_client(real.connect_url) as client:
            await refused_often(client)
        logged = await eventually(
            lambda: [line for line in lines if line["event"] == "gateway.refusals"]
        )
    assert logged[0]["counts"] == {"SystemInfo.getInfo": 3, "unknown methods": 20}
    methods = [line["method"] for line in lines if line["event"] == "gateway.method_refused"]
    assert methods == ["SystemInfo.getInfo", "Made.up0"]


async def refused_often(client: CdpClient) -> None:
    for method in (*["SystemInfo.getInfo"] * 3, *(f"Made.up{number}" for number in range(20))):
        with pytest.raises(CdpRefused):
            await client.call(method)


def test_names_that_clients_make_up_are_not_kept() -> None:
    refusals = Refusals("a client")
    for number in range(1000):
        refusals.count(f"Made.up{number}", Refuse("", kind="unknown"))
    assert len(refusals.counts) == 1

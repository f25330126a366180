"""What reaches a server and no CDP session. A test that fails here is good news: Chromium shows more than it did."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.worker_cdp import CdpClient, CdpPage
from tests.support.worker_server import SCRIPT, Reply, Server

pytestmark = pytest.mark.browser

AT_THE_END = (
    "addEventListener('pagehide', () => { navigator.sendBeacon('/beacon', 'x');"
    "fetch('/keepalive', {method: 'POST', keepalive: true, body: 'y'}) })"
)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as server:
        server.routes |= {
            "/leaving": f"<!doctype html><script>{AT_THE_END}</script>",
            "/beacon": Reply(204),
            "/keepalive": Reply(204),
            "/registers": "<!doctype html><script>navigator.serviceWorker.register('/w.js')"
            ".then(() => navigator.serviceWorker.ready).then(() => console.log('ready'))</script>",
            "/w.js": Reply(headers=SCRIPT, body=b"1"),
            "/prerenders": "<!doctype html><script type=speculationrules>"
            '{"prerender": [{"source": "list", "urls": ["/rendered"], "eagerness": "immediate"}]}'
            "</script>",
            "/rendered": "<!doctype html><script>fetch('/ran')</script>",
        }
        yield server


def recorded(real: RealRuntime, server: Server) -> list[str]:
    """The paths of this server's requests in the record."""
    urls = [each["url"] for each in real.of("network.request")]
    return [url.removeprefix(server.url) for url in urls if url.startswith(server.url)]


@pytest.mark.parametrize("how", ["goes on", "is closed"])
async def test_what_a_page_sends_while_it_is_left(
    how: str, real: RealRuntime, client: CdpClient, server: Server
) -> None:
    page = await client.new_page()
    await page.goto(f"{server.url}/leaving")
    if how == "goes on":
        await page.goto(f"{server.url}/blank")
    else:
        await page.close()
    await eventually(lambda: {"POST /beacon", "POST /keepalive"} <= set(server.paths))
    after = await client.new_page()
    await after.goto(f"{server.url}/blank?after")
    await real.until("page.load", milestone="load", url=f"{server.url}/blank?after")
    assert not {"/beacon", "/keepalive"} & set(recorded(real, server))
    await after.close()


async def test_what_a_page_sends_before_it_is_left_is_seen(
    real: RealRuntime, page: CdpPage, server: Server
) -> None:
    await page.goto(f"{server.url}/blank")
    await page.evaluate("navigator.sendBeacon('/beacon', 'x')")
    await real.until("network.request", url=f"{server.url}/beacon")


async def test_whether_a_service_worker_is_still_the_same(
    real: RealRuntime, page: CdpPage, server: Server
) -> None:
    await page.goto(f"{server.url}/registers")
    await real.until("console.message", text="ready", _page=page.target)
    await page.evaluate("navigator.serviceWorker.ready.then(r => r.update()).then(() => 1)")
    await eventually(lambda: server.paths.count("GET /w.js") == 2)
    await page.goto(f"{server.url}/blank?after")
    assert recorded(real, server).count("/w.js") == 1


async def test_what_would_be_prerendered_is_fetched(
    real: RealRuntime, page: CdpPage, server: Server
) -> None:
    await page.goto(f"{server.url}/prerenders")
    request = await real.until("network.request", url=f"{server.url}/rendered")
    assert request["resourceType"] == "Prefetch"
    await real.until("network.finished", requestId=request["requestId"])
    assert "GET /ran" not in server.paths

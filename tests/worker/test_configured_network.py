"""What a configuration lets a browser load, and by which proxy: real browsers, real servers."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, async_playwright

from schemas.runtime_config import NetworkTraffic, RuntimeConfig, SealedProxy
from schemas.sealing import PROXY_PASSWORD, seal, sealing_key
from tests.support.eventually import eventually
from tests.support.real_runtime import SECRET, RealRuntime, real_runtime
from tests.support.worker_cdp import CdpPage, cdp_client
from tests.support.worker_server import HTML, SCRIPT, Asked, Reply, Server
from worker.runtime import LaunchFailed

pytestmark = pytest.mark.browser

FETCHED = "fetch('{}').then(r => r.text(), e => 'failed')"


@asynccontextmanager
async def limited(
    tmp_path: Path, **traffic: Any
) -> AsyncIterator[tuple[RealRuntime, CdpPage, Server]]:
    """A page of a runtime with such limits, and a server with a page of every kind of request."""
    config = RuntimeConfig(network_traffic=NetworkTraffic(**traffic))
    routes: dict[str, Any] = {
        "/all": "<!doctype html><title>All</title><link rel=stylesheet href=/a.css><img src=/a.png>"
        "<script src=/a.js></script>",
        "/a.css": Reply(headers={"Content-Type": "text/css"}),
        "/a.js": Reply(headers=SCRIPT),
        "/a.png": Reply(headers={"Content-Type": "image/png"}),
        "/api": Reply(body=b"said"),
        "/blocked/api": Reply(body=b"said"),
        "/to-blocked": Reply(302, {"Location": "/blocked/api"}),
        "/worker.js": Reply(
            headers=SCRIPT, body=b"fetch('/blocked/by-worker').catch(() => postMessage('failed'))"
        ),
        "/service.js": Reply(headers=SCRIPT, body=b"fetch('/blocked/by-service')"),
    }
    async with (
        Server(routes) as server,
        real_runtime(tmp_path, config) as real,
        cdp_client(real.connect_url) as client,
    ):
        yield real, await client.new_page(), server


async def test_types_that_are_blocked(tmp_path: Path) -> None:
    async with limited(tmp_path, block_resource_types=["image", "stylesheet", "fetch"]) as parts:
        real, page, server = parts
        await page.goto(f"{server.url}/all")
        assert await page.evaluate("document.title") == "All"
        assert await page.evaluate(FETCHED.format("/api")) == "failed"
        assert server.paths == ["GET /all", "GET /a.js"]
        failed = await real.until("network.failed", blockedReason="inspector")
        assert failed["errorText"] == "net::ERR_BLOCKED_BY_CLIENT.Inspector"
        blocked = [e["requestId"] for e in real.of("network.failed")]
        urls = {e["url"] for e in real.of("network.request") if e["requestId"] in blocked}
        assert urls >= {f"{server.url}/{path}" for path in ("a.png", "a.css", "api")}


async def test_what_an_event_source_asks_for_is_told_apart(tmp_path: Path) -> None:
    async with limited(tmp_path, block_resource_types=["eventsource"]) as (_, page, server):
        await page.goto(f"{server.url}/blank")
        assert await page.evaluate(FETCHED.format("/api")) == "said"
        await page.evaluate(
            "new Promise(done => new EventSource('/events').onerror = () => done(1))"
        )
        assert server.paths == ["GET /blank", "GET /api"]


async def test_urls_that_are_blocked_wherever_they_are_asked_for(tmp_path: Path) -> None:
    async with limited(tmp_path, url_blocklist=["*/blocked/*"]) as (_, page, server):
        await page.goto(f"{server.url}/all")
        assert await page.evaluate(FETCHED.format("/api")) == "said"
        assert await page.evaluate(FETCHED.format("/blocked/api")) == "failed"
        assert await page.evaluate(FETCHED.format("/to-blocked")) == "failed"
        by_worker = "new Promise(done => new Worker('/worker.js').onmessage = e => done(e.data))"
        assert await page.evaluate(by_worker) == "failed"
        registered = "navigator.serviceWorker.register('/service.js').then(r => 1, e => 1)"
        assert await page.evaluate(registered) == 1
        await eventually(lambda: "GET /service.js" in server.paths)
        await page.evaluate("void open('/blocked/popup')")
        await page.call("Page.navigate", url=f"{server.url}/blocked/page")
        await page.call("Page.navigate", url=f"{server.url}/blank")
        await eventually(lambda: "GET /blank" in server.paths)
        assert not [path for path in server.paths if "blocked/" in path]


async def test_with_an_allow_list_nothing_else_is_loaded(tmp_path: Path) -> None:
    async with limited(tmp_path, url_allowlist=["http://127.0.0.1:*"], url_blocklist=["*.png"]) as (
        _,
        page,
        server,
    ):
        await page.goto(f"{server.url}/all")
        assert await page.evaluate(FETCHED.format("/api")) == "said"
        assert await page.evaluate(FETCHED.format(f"{server.other_url}/api")) == "failed"
        await page.call("Page.navigate", url=f"{server.other_url}/blank")
        assert await page.evaluate("location.href") == "chrome-error://chromewebdata/"
        assert server.paths == ["GET /all", "GET /a.css", "GET /a.js", "GET /api"]


async def test_a_clients_own_interception_keeps_working_beside(tmp_path: Path) -> None:
    async with (
        limited(tmp_path, url_allowlist=["http://127.0.0.1:*"], url_blocklist=["*.png"]) as parts,
        async_playwright() as playwright,
    ):
        real, _, server = parts
        browser = await playwright.chromium.connect_over_cdp(real.connect_url)
        page = await browser.new_page()
        await _routed(page)
        await page.goto(f"{server.url}/all")
        assert await page.evaluate(FETCHED.format("/mocked")) == "mocked"
        assert await page.evaluate(FETCHED.format("/api")) == "said"
        assert await page.evaluate(FETCHED.format("/aborted")) == "failed"
        assert [path for path in server.paths if "png" in path or "mocked" in path] == []
        await browser.close()


async def _routed(page: Page) -> None:
    async def mocked(route: Route) -> None:
        await route.fulfill(body="mocked")

    async def aborted(route: Route) -> None:
        await route.abort()

    async def passed(route: Route) -> None:
        await route.continue_()

    await page.route("**/*", passed)
    await page.route("**/mocked", mocked)
    await page.route("**/aborted", aborted)


# WebSockets


OPENED = """new Promise(done => {{
    const socket = new WebSocket('{}');
    socket.onopen = () => {{ socket.close(); done('open') }};
    socket.onerror = () => done('failed');
}})"""


@pytest.mark.parametrize(
    ("traffic", "outcome"),
    [
        ({"block_resource_types": ["websocket"]}, "failed"),
        ({"url_blocklist": ["ws://*/chat"]}, "failed"),
        ({"url_blocklist": ["*/other"]}, "open"),
        ({"url_allowlist": ["http://*", "data:*"]}, "failed"),
        ({"url_allowlist": ["http://*", "ws://{at}/*"]}, "open"),
    ],
)
async def test_websockets(tmp_path: Path, traffic: dict[str, list[str]], outcome: str) -> None:
    async with Server() as server:
        at = f"127.0.0.1:{server.port}"
        wanted = {name: [each.format(at=at) for each in given] for name, given in traffic.items()}
        async with (
            real_runtime(
                tmp_path,
                RuntimeConfig(network_traffic=NetworkTraffic(**wanted)),  # type: ignore[arg-type]
            ) as real,
            cdp_client(real.connect_url) as client,
        ):
            page = await client.new_page()
            assert await page.evaluate(OPENED.format(f"ws://{at}/chat")) == outcome
        assert ("GET /chat" in server.paths) == (outcome == "open")


# the proxy


class ProxyServer(Server):
    """Leads nowhere: who logs in is answered by itself, in the place of any server."""

    login = "Basic " + base64.b64encode(b"user:S3cr3tOfTheProxy").decode()

    def _route(self, asked: Asked) -> Any:
        if asked.method == "CONNECT":
            if asked.headers.get("Proxy-Authorization") == self.login:
                return Reply()
            return Reply(407, {"Proxy-Authenticate": 'Basic realm="proxy"'})
        if "/site-login" in asked.path and "Authorization" not in asked.headers:
            return Reply(401, {"WWW-Authenticate": 'Basic realm="site"'}, b"site's own")
        body = f"by proxy: http://{asked.headers['Host']}{asked.path}"
        return Reply(headers=HTML, body=body.encode())


def through(proxy: Server, password: str, runtime_id: str = "rt-1") -> RuntimeConfig:
    key = sealing_key(SECRET, PROXY_PASSWORD)
    sealed = seal(password, key, runtime_id)
    return RuntimeConfig(
        proxy=SealedProxy(server=proxy.url, username="user", sealed_password=sealed)
    )


async def test_a_proxy_that_wants_a_login(tmp_path: Path) -> None:
    async with (
        ProxyServer() as proxy,
        real_runtime(tmp_path, through(proxy, "S3cr3tOfTheProxy"), runtime_id="rt-1") as real,
        cdp_client(real.connect_url) as client,
    ):
        context = (await client.call("Target.createBrowserContext"))["browserContextId"]
        for page in (await client.new_page(), await client.new_page(context=context)):
            # Not a document first: any request may be the one that has to log in.
            fetched = (
                "Promise.all(['x', 'y', 'z'].map(path => "
                "fetch('http://a.test/' + path, {mode: 'no-cors'}).then(r => r.type)))"
            )
            assert await page.evaluate(fetched) == ["opaque"] * 3
            await page.goto("http://a.test/page")
            body = await page.evaluate("document.body.innerText")
            assert body == "by proxy: http://a.test/page"
        for process in real.processes():
            seen = " ".join(process.cmdline()) + str(process.environ())
            assert "S3cr3tOfTheProxy" not in seen
    said = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"a.test/page" in said
    assert b"S3cr3tOfTheProxy" not in said


async def test_a_login_that_the_proxy_refuses_is_told_as_that(tmp_path: Path) -> None:
    async with (
        ProxyServer() as proxy,
        real_runtime(tmp_path, through(proxy, "wrong"), runtime_id="rt-1") as real,
        cdp_client(real.connect_url) as client,
    ):
        page = await client.new_page()
        await page.call("Page.navigate", url="http://a.test/page")
        failed = await real.until("network.failed", url="http://a.test/page")
        assert failed["errorText"] == "net::ERR_PROXY_AUTH_REQUESTED"
        assert "CONNECT a.test:80" in proxy.paths
        shown = "document.documentElement?.innerText ?? ''"  # which may not be there yet
        assert "by proxy" not in await page.evaluate(shown)


async def test_a_clients_route_and_login_to_a_site_beside_ours_to_the_proxy(tmp_path: Path) -> None:
    async with (
        ProxyServer() as proxy,
        real_runtime(tmp_path, through(proxy, "S3cr3tOfTheProxy"), runtime_id="rt-1") as real,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.connect_over_cdp(real.connect_url)
        context = await browser.new_context(
            http_credentials={"username": "visitor", "password": "sites"}
        )
        page = await context.new_page()
        await _routed(page)
        await page.goto("http://a.test/site-login")  # the first request has two logins to make
        assert await page.inner_text("body") == "by proxy: http://a.test/site-login"
        sent = [each.headers.get("Authorization") for each in proxy.asked]
        assert "Basic " + base64.b64encode(b"visitor:sites").decode() in sent
        assert await page.evaluate(FETCHED.format("/mocked")) == "mocked"
        await browser.close()


async def test_a_login_that_cannot_be_had_fails_the_start(tmp_path: Path) -> None:
    proxy = SealedProxy(
        server="http://127.0.0.1:1", username="user", sealed_password="v1.00000000.AAAA"
    )
    with pytest.raises(LaunchFailed, match="sealed under another secret"):
        async with real_runtime(tmp_path, RuntimeConfig(proxy=proxy)):
            pass

"""Ways that a page, or a client with CDP, takes to the host's own services: each led there by a plain Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.site.servers import serving
from schemas.egress import parse_setting
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import CdpPage, cdp_client
from tests.support.worker_server import SCRIPT, Reply, Server
from worker.chromium import proxy
from worker.chromium.sandbox import Sandbox
from worker.chromium.wall import Wall

pytestmark = pytest.mark.browser


def on_the_hosts_network(sandbox: Sandbox, place: int) -> Wall:
    """No wall but another uid: as where a machine has no better one."""
    return Wall(uid=sandbox.uid(place))


class Secret:
    """A service of the host: whoever connects to it has found it."""

    def __init__(self) -> None:
        self.port = 0
        self.found = 0

    async def _answer(self, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        self.found += 1


@asynccontextmanager
async def secret() -> AsyncIterator[Secret]:
    hidden = Secret()
    async with serving(hidden._answer, "0.0.0.0") as hidden.port:
        yield hidden


def navigate(host: str) -> Callable[[CdpPage, int], Awaitable[Any]]:
    async def go(page: CdpPage, port: int) -> Any:
        return await page.call("Page.navigate", url=f"http://{host}:{port}/")

    return go


def script(body: str) -> Callable[[CdpPage, int], Awaitable[Any]]:
    async def run(page: CdpPage, port: int) -> Any:
        at = f"127.0.0.1:{port}"
        return await page.evaluate(f"(async () => {{ {body} }})()".replace("{at}", at))

    return run


TURN = """
const pc = new RTCPeerConnection({iceServers: [
    {urls: 'turn:{at}?transport=tcp', username: 'a', credential: 'b'}, {urls: 'stun:{at}'}]});
pc.createDataChannel('x');
await pc.setLocalDescription(await pc.createOffer());
await new Promise(done => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done();
    setTimeout(done, 3000);
});
"""
WAYS = {
    "navigation": navigate("127.0.0.1"),
    "0.0.0.0": navigate("0.0.0.0"),
    "mapped": navigate("[::ffff:127.0.0.1]"),
    "localhost": navigate("localhost"),
    "name.localhost": navigate("a.b.localhost"),
    "decimal": navigate("2130706433"),
    "hexadecimal": navigate("0x7f.1"),
    "octal": navigate("0177.1"),
    "redirect": script("await fetch('/to?{at}', {mode: 'no-cors'}).catch(() => 0)"),
    "frame": script(
        "const f = document.createElement('iframe'); f.src = 'http://{at}/';"
        "document.body.append(f); await new Promise(done => f.onload = done)"
    ),
    "popup": script("open('http://{at}/')"),
    "fetch": script("await fetch('http://{at}/', {mode: 'no-cors'}).catch(() => 0)"),
    "image": script("const i = new Image(); i.src = 'http://{at}/'; await new Promise(d => i.onerror = d)"),
    "beacon": script("navigator.sendBeacon('http://{at}/', 'x')"),
    "websocket": script("await new Promise(d => new WebSocket('ws://{at}/').onerror = d)"),
    "event source": script("await new Promise(d => new EventSource('http://{at}/').onerror = d)"),
    "worker": script(
        "const b = new Blob([`fetch('http://{at}/', {mode: 'no-cors'}).catch(() => 0).then(() => postMessage(1))`]);"
        "await new Promise(d => new Worker(URL.createObjectURL(b)).onmessage = d)"
    ),
    "service worker": script(
        "await navigator.serviceWorker.register('/service.js?{at}'); await navigator.serviceWorker.ready"
    ),
    "preconnect": script(
        "const l = document.createElement('link'); l.rel = 'preconnect'; l.href = 'http://{at}/';"
        "document.head.append(l)"
    ),
    "WebRTC by TCP": script(TURN),
}  # fmt: skip

ROUTES: dict[str, Any] = {
    "/": "<!doctype html><title>Outside</title>",
    "/to": lambda asked: Reply(302, {"Location": f"http://{asked.path.partition('?')[2]}/"}),
    "/service.js": Reply(
        headers=SCRIPT,
        body=b"self.oninstall = e => e.waitUntil(fetch('http://' + location.search.slice(1) + '/', {mode: 'no-cors'})"
        b".catch(() => 0))",
    ),
}


async def _take(way: str, real: RealRuntime, site: Server, hidden: Secret) -> None:
    async with cdp_client(real.connect_url) as client:
        page = await client.new_page()
        await page.goto(f"{site.url}/")
        await WAYS[way](page, hidden.port)


@pytest.mark.parametrize("by_proxy_alone", [True, False])
async def test_no_way_leads_to_what_is_not_allowed(
    tmp_path: Path, by_proxy_alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_proxy_alone:
        monkeypatch.setattr(Sandbox, "wall", on_the_hosts_network)
    async with secret() as hidden, Server(ROUTES) as site:
        allowed = parse_setting(f"127.0.0.1:{site.port}")  # the page itself, and nothing beside it
        async with real_runtime(tmp_path, egress_allow=allowed) as real:
            for way in WAYS:
                await _take(way, real, site, hidden)
                assert hidden.found == 0, way
            await real.until("network.failed", url=f"http://a.b.localhost:{hidden.port}/")
            assert real.runtime.browser.egress.meter.refused >= len(WAYS) - 1


@pytest.mark.parametrize("way", WAYS)
async def test_a_plain_chromium_goes_there(way: str, plain: tuple[RealRuntime, Server]) -> None:
    """Without the wall each of them arrives: what is tried above is really tried."""
    real, site = plain
    async with secret() as hidden:
        await _take(way, real, site, hidden)
        await eventually(lambda: hidden.found)


@pytest.fixture(scope="module")
async def plain(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[RealRuntime, Server]]:
    """A browser that asks no proxy."""
    async with AsyncExitStack() as until_the_end:
        site = await until_the_end.enter_async_context(Server(ROUTES))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(proxy, "arguments", lambda _port: [])
            patched.setattr(Sandbox, "wall", on_the_hosts_network)
            started = real_runtime(tmp_path_factory.mktemp("plain"))
            real = await until_the_end.enter_async_context(started)
        yield real, site


MANY = 80


async def test_many_connections_wait_for_one_another_no_sooner_than_without(tmp_path: Path) -> None:
    """Chromium has 32 for a proxy, unless it is told otherwise."""
    async with (
        Server({"/": "", "/held": lambda asked: site.held(asked)}) as site,
        real_runtime(tmp_path) as real,
        cdp_client(real.connect_url) as client,
    ):
        page = await client.new_page()
        await page.goto(f"{site.url}/")
        # One that fails is asked for again: what counts is how many are open, and none of them ends.
        await page.evaluate(
            "const later = () => new Promise(done => setTimeout(done, 200));"
            f"const held = n => fetch(`http://h${{n}}.localhost:{site.port}/held`, {{mode: 'no-cors'}})"
            f".catch(() => later().then(() => held(n))); for (let n = 0; n < {MANY}; n++) held(n); 1"
        )
        await eventually(
            lambda: site.paths.count("GET /held") >= MANY,
            explain=lambda: (site.paths.count("GET /held"), real.of("network.failed")),
        )
        site.release.set()
        opened = (
            f"Promise.all(Array.from(Array({MANY}), (_, n) => new Promise(done => new WebSocket("
            f"`ws://h${{n}}.localhost:{site.port}/chat`).onopen = done))).then(all => all.length)"
        )
        assert await page.evaluate(opened) == MANY


async def test_why_it_was_refused_stands_in_the_record(tmp_path: Path) -> None:
    async with real_runtime(tmp_path, egress_allow=()) as real, cdp_client(real.connect_url) as it:
        page = await it.new_page()
        await page.call("Page.enable")
        answer = await page.call("Page.navigate", url="http://10.1.2.3:81/x")
        text = "egress.refused: 10.1.2.3 is a private address"
        await real.until("network.failed", url="http://10.1.2.3:81/x", errorText=text)
        await real.until("navigation", phase="failed", errorText=text)
        assert answer["errorText"] == text
        answer = await page.call("Page.navigate", url="http://nowhere.invalid/")
        assert answer["errorText"] == "net::ERR_NAME_NOT_RESOLVED"
        await real.until("network.failed", errorText="net::ERR_NAME_NOT_RESOLVED")


async def test_where_an_answer_came_from_stands_in_the_record(tmp_path: Path) -> None:
    async with Server(ROUTES) as site, real_runtime(tmp_path) as real:
        async with cdp_client(real.connect_url) as client:
            page = await client.new_page()
            await page.goto(f"http://a.localhost:{site.port}/")
        answer = await real.until("network.response", url=f"http://a.localhost:{site.port}/")
        assert answer["remotePort"] == site.port
        assert answer["remoteAddress"] in ("[::1]", "127.0.0.1")

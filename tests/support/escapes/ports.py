"""Ports of the host and of its network (rows 1 and 9 to 12)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from tests.support.escapes.attack import Attack, Loot, Try, page_at, shows, site, soon
from tests.support.escapes.host import SERVED, Host
from tests.support.ports import free_port
from tests.support.worker_cdp import CdpCalls, CdpRefused

# Of this host, as browsers read them and lists of addresses do not.
NAMES = {
    "loopback": "127.0.0.1",
    "another_loopback": "127.8.9.10",
    "nothing": "0.0.0.0",
    "decimal": "2130706433",
    "hexadecimal": "0x7f.1",
    "octal": "0177.0.0.1",
    "version_6": "[::1]",
    "mapped": "[::ffff:127.0.0.1]",
    "localhost": "localhost",
    "anything_localhost": "inside.localhost",
}


async def debugging_port(driver: CdpCalls, host: Host) -> Loot | None:
    """Another browser's debugging port, whose pages are then same-origin: all of CDP, unfiltered."""
    base = f"http://127.0.0.1:{host.debugging_port}"
    page = await driver.new_page(f"{base}/json/version")
    if await shows(page, "webSocketDebuggerUrl") is None:
        return None
    listed = "fetch('/json/new', {method: 'PUT'}).then(answer => answer.text())"
    return str(await page.evaluate(listed))


def navigated(name: str) -> Try:
    """A page at a service of this host."""

    async def attack(driver: CdpCalls, host: Host) -> Loot | None:
        url = f"http://{NAMES[name]}:{host.service.port}/"
        return await shows(await driver.new_page(url), SERVED)

    attack.__name__ = f"navigate_{name}"
    return attack


def by_the_page(script: str, name: str, origin: str = "https://a-site.test/") -> Try:
    """What a page asks of the service, with leave for the local network; `URL` in the script is `//host:port`."""

    async def attack(driver: CdpCalls, host: Host) -> Loot | None:
        for permission in ("localNetworkAccess", "localNetwork", "loopbackNetwork"):
            with suppress(CdpRefused):  # each has its time among Chromium's versions
                await driver.call("Browser.grantPermissions", permissions=[permission])
        page = await site(driver, origin)
        url = f"//127.0.0.1:{host.service.port}"
        await page.call("Runtime.evaluate", expression=script.replace("URL", url), userGesture=True)
        return await _heard(host)

    attack.__name__ = name
    return attack


async def _heard(host: Host) -> Loot | None:
    """What reached the service, whoever was shown its answer."""
    heard = await soon(lambda: b"".join(host.service.heard))
    return None if heard is None else repr(heard[:200])


RELAYED = """
var peer = new RTCPeerConnection({
  iceServers: [{urls: 'turn:127.0.0.1:PORT?transport=tcp', username: 'a', credential: 'b'}],
  iceTransportPolicy: 'relay'
});
peer.createDataChannel('a');
peer.createOffer().then(offer => peer.setLocalDescription(offer));
"""


async def turn_over_tcp(driver: CdpCalls, host: Host) -> Loot | None:
    """WebRTC, whose TURN client speaks to any port."""
    page = await page_at(driver, "data:text/html,<body>a page</body>")
    script = RELAYED.replace("PORT", str(host.service.port))
    await page.call("Runtime.evaluate", expression=script)
    return await _heard(host)


async def listening_port(driver: CdpCalls, host: Host) -> Loot | None:
    """A port of the host that leads to the client."""
    port = free_port()
    await driver.call("Tethering.bind", port=port)

    async def look() -> str | None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return None
        writer.close()
        return f"port {port}"

    found: Loot | None = await soon(look)
    await driver.call("Tethering.unbind", port=port)
    return found


async def context_with_a_proxy(driver: CdpCalls, host: Host) -> Loot | None:
    """A browser context whose proxy is a port of the host."""
    context = await _context(driver, proxyServer=f"http://127.0.0.1:{host.service.port}")
    await driver.new_page("http://somewhere.test/", context)
    return await _heard(host)


async def context_that_bypasses(driver: CdpCalls, host: Host) -> Loot | None:
    """A browser context that goes round whatever proxy there is."""
    context = await _context(driver, proxyServer="http://127.0.0.1:9", proxyBypassList="127.0.0.1")
    page = await driver.new_page(f"http://127.0.0.1:{host.service.port}/", context)
    return await shows(page, SERVED)


async def context_of_all_origins(driver: CdpCalls, host: Host) -> Loot | None:
    """A browser context that may read any site's pages."""
    origin = f"http://127.0.0.1:{host.service.port}"
    context = await _context(driver, originsWithUniversalNetworkAccess=["http://reader.test"])
    return f"{context} {origin}"


async def _context(driver: CdpCalls, **asked: Any) -> str:
    made = await driver.call("Target.createBrowserContext", **asked)
    return str(made["browserContextId"])


FRAME = """document.body.innerHTML =
  '<iframe src=http:URL/ allow="local-network-access; local-network; loopback-network"></iframe>'"""
WORKER = "new Worker('data:text/javascript,' + encodeURIComponent(\"fetch('http:URL/')\"))"

ATTACKS = [
    Attack(1, debugging_port),
    *(Attack(10, navigated(name)) for name in NAMES),
    Attack(10, by_the_page("fetch('http:URL/')", "fetch")),
    Attack(10, by_the_page("open('http:URL/')", "popup")),
    Attack(10, by_the_page("new Image().src = 'http:URL/'", "image")),
    Attack(10, by_the_page("navigator.sendBeacon('http:URL/', 'a')", "beacon")),
    Attack(10, by_the_page("new WebSocket('ws:URL/')", "socket")),
    Attack(10, by_the_page("new EventSource('http:URL/')", "event_source")),
    Attack(
        10,
        by_the_page(FRAME, "iframe", "http://a-site.test/"),
    ),
    Attack(10, by_the_page(WORKER, "worker")),
    Attack(
        10,
        by_the_page(
            "document.head.innerHTML = '<link rel=preconnect href=http:URL/>'",
            "preconnect",
            "http://a-site.test/",
        ),
    ),
    Attack(9, listening_port),
    Attack(11, turn_over_tcp),
    Attack(12, context_with_a_proxy),
    Attack(12, context_that_bypasses),
    Attack(12, context_of_all_origins, system=False),
]

"""Records what the tap hears from a real Chromium: `python -m tests.support.cdp_record` writes
`tests/worker/recorded/chromium-<major>/*.jsonl`, one situation a file, and beside each what the tap made of it.

A recording is made once for each Chromium version and then kept: read the new `.facts` before you commit them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.support.cdp_replay import heard_by_the_tap, replay
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import CdpClient, CdpPage, cdp_client
from tests.support.worker_pages import Pages
from tests.support.worker_server import HTML, Asked, Reply, Server
from worker.cdp import frames
from worker.tap import Tap

RECORDED = Path(__file__).parents[1] / "worker" / "recorded"
Situation = Callable[[RealRuntime, CdpClient, Any], Awaitable[object]]


async def _load(real: RealRuntime, client: CdpClient, site: Pages) -> None:
    page = await client.new_page()
    await page.goto(f"{site.url}/old?token=hunter2#part")
    await page.evaluate("location.hash = 'other'")
    await real.until("navigation", phase="same_document")
    await page.close()
    await real.until("page.closed")


async def _trouble(real: RealRuntime, client: CdpClient, site: Pages) -> None:
    page = await client.new_page()
    await page.goto(f"{site.url}/broken.html")
    await real.until("page.error", inPromise=True)
    await page.call("Page.navigate", url="http://127.0.0.1:1/")
    await real.until("navigation", phase="failed")
    await page.goto(f"{site.url}/surrogates.html")
    await page.goto(f"{site.url}/missing.html")
    await real.until("console.message", source="network")


async def _popup(real: RealRuntime, client: CdpClient, site: Pages) -> None:
    page = await client.new_page()
    await page.goto(f"{site.url}/blank.html")
    await page.evaluate(f"void (window.popup = window.open('{site.url}/blank.html?popup'))")
    opened = await real.until("page.opened", openerId=page.target)
    await real.until("page.load", milestone="load", _page=opened["_page"])
    await page.evaluate("window.popup.close()")
    await real.until("page.closed", _page=opened["_page"])


async def _frame(real: RealRuntime, client: CdpClient, site: Pages) -> None:
    page = await client.new_page()
    await page.goto(f"{site.url}/blank.html")
    await page.evaluate(
        "document.body.append(Object.assign(document.createElement('iframe'),"
        f"{{src: '{site.other_url}/about.html'}}))"
    )
    await real.until("console.message", level="error")


async def _worker(real: RealRuntime, client: CdpClient, site: Pages) -> None:
    page = await client.new_page()
    await page.goto(f"{site.url}/worker.html")
    await real.until("console.message", text="said by a worker")


async def _download(real: RealRuntime, client: CdpClient, site: Pages) -> None:
    page = await client.new_page()
    await page.goto(f"{site.url}/blank.html")
    await page.evaluate("void (location.href = '/report.csv')")
    await real.until("download", phase="completed")


async def _dialog(real: RealRuntime, client: CdpClient, site: Pages) -> None:
    await client.call("Target.createTarget", url=f"{site.url}/asks.html")
    await real.until("console.message", text="answered no")


async def _network(real: RealRuntime, client: CdpClient, server: Server) -> None:
    def etag(asked: Asked) -> Reply:
        known = "If-None-Match" in asked.headers
        return Reply(304 if known else 200, {"ETag": '"1"', "Cache-Control": "no-cache"}, b"body")

    server.routes |= {
        "/1": Reply(302, {"Location": "/2", "Set-Cookie": "seen=no"}),
        "/2": Reply(302, {"Location": "/blank"}),
        "/etag": etag,
        "/sse": Reply(headers={"Content-Type": "text/event-stream"}, body=b"data: a\n\n"),
    }
    page = await client.new_page()
    await page.goto(f"{server.url}/1")
    other = server.other_url
    for expression in (
        "fetch('/etag').then(r => r.text()).then(() => fetch('/etag')).then(r => r.text())",
        f"fetch('{other}/cors').catch(() => 1)",
        f"fetch('{other}/put', {{method: 'PUT', body: 'abc'}}).catch(() => 1)",
        "fetch('data:text/plain,hello').then(r => r.text())",
        "fetch(URL.createObjectURL(new Blob(['abc']))).then(r => r.text())",
        "new Promise(r => { s = new EventSource('/sse'); s.onerror = () => { s.close(); r(1) } })",
    ):
        await page.evaluate(expression)
    await real.until("network.finished", decodedBytes=9)


async def _sockets(real: RealRuntime, client: CdpClient, server: Server) -> None:
    page = await client.new_page()
    await page.goto(f"{server.url}/blank")
    url = f"ws://127.0.0.1:{server.port}"
    await page.evaluate(f"new Promise(r => {{ new WebSocket('{url}/refused').onclose = r }}), 1")
    await page.evaluate(
        f"new Promise(r => {{ s = new WebSocket('{url}/'); n = 2; s.onmessage = () => --n || r(1);"
        "s.onopen = () => { s.send('h\u00e9'); s.send(new Uint8Array(7)) } })"
    )
    await real.until("network.websocket.closed", _status="failed")
    await page.close()
    await real.until("network.websocket.closed", withTarget=True)


async def _astray(real: RealRuntime, client: CdpClient, server: Server) -> None:
    server.routes |= {
        "/204": Reply(204),
        "/denied": Reply(headers=HTML | {"X-Frame-Options": "DENY"}, body=b"no"),
    }
    page = await client.new_page()
    await page.goto(f"{server.url}/blank")
    for url in (f"{server.url}/204", "unknown://x/", "http://nowhere.invalid/"):
        await page.call("Page.navigate", url=url)
        await real.until("navigation", phase="failed", url=url)
    await page.goto(f"{server.url}/blank?two")
    await page.evaluate(
        "document.body.append(Object.assign(document.createElement('iframe'), "
        f"{{src: '{server.other_url}/denied'}}))"
    )
    await real.until("navigation", phase="failed", mainFrame=False)
    await page.goto(f"{server.url}/blank?three")
    await page.call("Page.navigateToHistoryEntry", entryId=await _entry(page, "two"))
    await real.until("navigation", phase="committed", navigationType="BackForwardCacheRestore")


async def _entry(page: CdpPage, url: str) -> int:
    history = await page.call("Page.getNavigationHistory")
    return next(int(each["id"]) for each in history["entries"] if each["url"].endswith(url))


SITUATIONS: dict[str, Situation] = {
    "load": _load,
    "trouble": _trouble,
    "popup": _popup,
    "frame": _frame,
    "worker": _worker,
    "download": _download,
    "dialog": _dialog,
}
RICHER: dict[str, Situation] = {"network": _network, "sockets": _sockets, "astray": _astray}


async def record(name: str) -> tuple[str, list[bytes]]:
    """The browser's version, and what the tap heard in that situation."""
    heard: list[bytes] = []
    receive = Tap.receive

    def note(tap: Tap, session: bytes, message: bytes) -> None:
        if heard_by_the_tap(message):
            heard.append(message)
        receive(tap, session, message)

    Tap.receive = note  # type: ignore[method-assign, assignment]
    try:
        async with (
            Server() if name in RICHER else Pages() as site,
            real_runtime(Path(tempfile.mkdtemp())) as real,
        ):
            async with cdp_client(real.connect_url) as client:
                await (RICHER | SITUATIONS)[name](real, client, site)
            return real.runtime.browser.product, [
                _anywhere(each, site.port, real.directory) for each in heard
            ]
    finally:
        Tap.receive = receive  # type: ignore[method-assign]


def _anywhere(message: bytes, port: int, directory: Path) -> bytes:
    """The message without what tells this machine."""
    return message.replace(b":%d" % port, b":1962").replace(bytes(directory), b"/run")


async def main(names: list[str]) -> None:
    """Record the situations with these names, or all."""
    for name in names or (*SITUATIONS, *RICHER):
        browser, heard = await record(name)
        directory = RECORDED / f"chromium-{browser.partition('/')[2].partition('.')[0]}"
        directory.mkdir(parents=True, exist_ok=True)
        assert all(frames.session_of(message) for message in heard)
        (directory / f"{name}.jsonl").write_bytes(b"".join(each + b"\n" for each in heard))
        facts, _ = replay(heard)
        (directory / f"{name}.facts").write_text("".join(fact + "\n" for fact in facts))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

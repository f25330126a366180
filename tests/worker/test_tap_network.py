"""What a real Chromium asks of a real server, and what becomes of it in the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.worker_cdp import CdpClient, CdpPage, CdpRefused
from tests.support.worker_server import SCRIPT, Asked, Reply, Server

pytestmark = pytest.mark.browser


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as server:
        yield server


@pytest.fixture
async def at_blank(page: CdpPage, server: Server) -> CdpPage:
    await page.goto(f"{server.url}/blank")
    return page


def requests(real: RealRuntime, server: Server) -> list[dict[str, Any]]:
    """The requests recorded for this server, in their order."""
    sites = (server.url, server.other_url)
    return [each for each in real.of("network.request") if each["url"].startswith(sites)]


def recorded_paths(real: RealRuntime, server: Server) -> Counter[str]:
    """Like `Server.paths`, from the record."""
    told = (f"{each['method']} /{each['url'].split('/', 3)[3]}" for each in requests(real, server))
    return Counter(path for path in told if path != "GET /favicon.ico")


async def same(real: RealRuntime, server: Server) -> None:
    """What reached the server is what is recorded, each once."""
    await eventually(
        lambda: recorded_paths(real, server) == Counter(server.paths),
        explain=lambda: (
            f"only the server: {Counter(server.paths) - recorded_paths(real, server)}, "
            f"only the record: {recorded_paths(real, server) - Counter(server.paths)}"
        ),
    )


async def whole(real: RealRuntime, url: str, **wanted: str) -> list[dict[str, Any]]:
    """All events of the first such request for a URL, once it is over."""
    request = await real.until("network.request", url=url, **wanted)
    request_id = request["requestId"]

    def look() -> list[dict[str, Any]]:
        found = [
            {"_type": event.type, "_ms": event.durationms or None} | body
            for event in real.events
            if event.type.startswith("network.")
            and (body := real.body(event))["requestId"] == request_id
        ]
        over = found[-1]["_type"] in ("network.finished", "network.failed")
        return found if over else []

    return await eventually(look)


async def test_a_response_tells_what_was_on_the_wire(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    cookie = {"Set-Cookie": "seen=no; HttpOnly", "X-Mark": "1"}
    server.routes["/x"] = Reply(headers=cookie, body=b"abc" * 100)
    await at_blank.evaluate("fetch('/x').then(r => r.text()).then(() => 1)")
    request, response, finished = await whole(real, f"{server.url}/x")
    assert "Host" not in request["headers"]
    assert response["requestHeaders"]["Host"] == f"127.0.0.1:{server.port}"
    assert {"Set-Cookie", "X-Mark"} <= response["headers"].keys()
    assert (finished["decodedBytes"], finished["_type"]) == (300, "network.finished")
    assert finished["encodedBytes"] > 300
    assert finished["_ms"] is not None


async def test_each_hop_of_a_redirect_chain_has_its_own_headers(
    real: RealRuntime, page: CdpPage, server: Server
) -> None:
    server.routes["/1"] = Reply(302, {"Location": "/2", "X-Hop": "1"})
    server.routes["/2"] = Reply(307, {"Location": "/blank?3", "X-Hop": "2"})
    await page.goto(f"{server.url}/1")
    events = await whole(real, f"{server.url}/1")
    assert [each["_type"].removeprefix("network.") for each in events] == [
        "request", "response", "request", "response", "request", "response", "finished",
    ]  # fmt: skip
    assert [each["headers"].get("X-Hop") for each in events[1::2][:3]] == ["1", "2", None]
    assert all(each["requestHeaders"] for each in events[1::2][:3])
    await real.until("navigation", phase="redirected", url=f"{server.url}/2")
    await real.until("navigation", phase="redirected", url=f"{server.url}/blank?3")


async def test_a_body_that_came_from_the_cache_after_all(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    def etag(asked: Asked) -> Reply:
        known = "If-None-Match" in asked.headers
        headers = {"ETag": '"1"', "Cache-Control": "no-cache"}
        return Reply(304, headers) if known else Reply(200, headers, b"body")

    server.routes["/etag"] = etag
    await at_blank.evaluate("fetch('/etag').then(r => r.text()).then(() => 1)")
    await at_blank.evaluate("fetch('/etag?').then(r => r.text()).then(() => 1)")
    await at_blank.evaluate("fetch('/etag?').then(r => r.text()).then(() => 1)")
    again = await real.until("network.response", url=f"{server.url}/etag?", wireStatus=304)
    assert again["httpStatus"] == 200
    await same(real, server)


async def test_what_is_never_asked_for_says_where_it_was(
    real: RealRuntime, page: CdpPage, server: Server
) -> None:
    server.routes["/s.js"] = Reply(headers=SCRIPT | {"Cache-Control": "max-age=999"}, body=b"1")
    server.routes["/p"] = "<!doctype html><script src=/s.js></script>"
    for _ in range(2):
        await page.goto(f"{server.url}/p")
    await real.until("network.response", url=f"{server.url}/s.js", fromMemoryCache=True)
    assert server.paths.count("GET /s.js") == 1


async def test_a_preflight_and_what_it_stopped(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    url = f"{server.other_url}/put"
    await at_blank.evaluate(f"fetch('{url}', {{method: 'PUT', body: 'abc'}}).catch(() => 1)")
    stopped, failed = await whole(real, url, method="PUT")  # the preflight may come before it
    assert (stopped["method"], stopped["postDataBytes"]) == ("PUT", 3)
    assert failed["corsError"].startswith("Preflight")
    preflight = await real.until("network.request", url=url, method="OPTIONS")
    assert preflight["initiator"]["type"] == "preflight"
    assert preflight["initiator"]["requestId"] == stopped["requestId"]
    assert server.paths[-1] == "OPTIONS /put"


async def test_an_answer_that_the_page_was_not_shown(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    url = f"{server.other_url}/cors"
    server.routes["/cors"] = Reply(201, {"X-Mark": "1"})
    await at_blank.evaluate(f"fetch('{url}').catch(() => 1)")
    failed = (await whole(real, url))[-1]
    assert (failed["_type"], failed["wireStatus"]) == ("network.failed", 201)
    assert failed["headers"]["X-Mark"] == "1"
    assert failed["requestHeaders"]["Origin"] == server.url


async def test_urls_that_are_their_own_answer(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    blob = await at_blank.evaluate(
        "u = URL.createObjectURL(new Blob(['abc'])),"
        "fetch('data:text/plain,hello').then(() => fetch(u)).then(r => r.text()).then(() => u)"
    )
    assert (await whole(real, "data:text/plain,hello"))[-1]["decodedBytes"] == 5
    assert (await whole(real, blob))[-1]["decodedBytes"] == 3


async def test_an_event_source(real: RealRuntime, at_blank: CdpPage, server: Server) -> None:
    body = b"data: a\n\ndata: b\n\n"
    server.routes["/sse"] = Reply(headers={"Content-Type": "text/event-stream"}, body=body)
    await at_blank.evaluate(
        "new Promise(r => { let s = new EventSource('/sse'); s.onerror = () => { s.close(); r(1) } })"
    )
    request, response, finished = await whole(real, f"{server.url}/sse")
    assert (request["resourceType"], response["mimeType"]) == ("EventSource", "text/event-stream")
    assert finished["decodedBytes"] == len(body)


async def test_bodies_that_are_sent(real: RealRuntime, at_blank: CdpPage, server: Server) -> None:
    await at_blank.evaluate("fetch('/a', {method: 'POST', body: 'äb'}).then(() => 1)")
    await at_blank.evaluate(
        "fetch('/b', {method: 'POST', body: new Uint8Array(1000)}).then(() => 1)"
    )
    assert (await real.until("network.request", url=f"{server.url}/a"))["postDataBytes"] == 3
    assert (await real.until("network.request", url=f"{server.url}/b"))["postDataBytes"] == 1000
    assert [len(asked.body) for asked in server.asked if asked.method == "POST"] == [3, 1000]


# WebSockets


async def test_a_web_socket_is_counted_each_way(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    url = f"ws://127.0.0.1:{server.port}/echo"
    await at_blank.evaluate(
        f"new Promise(done => {{ let s = new WebSocket('{url}'), left = 3; s.onmessage = () => {{"
        "if (!--left) s.close() }; s.onclose = () => done(1);"
        "s.onopen = () => { s.send('h\\u00e9'); s.send(new Uint8Array(1001)); s.send('x'.repeat(70000)) } })"
    )
    created = await real.until("network.websocket.created", url=url)
    request_id = created["requestId"]
    opened = await real.until("network.websocket.opened", requestId=request_id, httpStatus=101)
    assert opened["requestHeaders"]["Upgrade"] == "websocket"
    closed = await real.until("network.websocket.closed", requestId=request_id)
    assert (closed["messagesSent"], closed["messagesReceived"]) == (3, 3)
    assert closed["bytesSent"] == closed["bytesReceived"] == 3 + 1001 + 70000


async def test_a_web_socket_that_is_refused(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    url = f"ws://127.0.0.1:{server.port}/refused"
    await at_blank.evaluate(
        f"new Promise(done => {{ new WebSocket('{url}').onclose = () => done(1) }})"
    )
    created = await real.until("network.websocket.created", url=url)
    closed = await real.until("network.websocket.closed", requestId=created["requestId"])
    assert "403" in closed["errorText"]
    assert closed["_status"] == "failed"


async def test_a_web_socket_that_goes_with_its_page(
    real: RealRuntime, client: CdpClient, server: Server
) -> None:
    page = await client.new_page()
    await page.goto(f"{server.url}/blank")
    await page.evaluate(
        f"new Promise(r => {{ s = new WebSocket('ws://127.0.0.1:{server.port}/gone');"
        "s.onmessage = () => r(1); s.onopen = () => s.send('abc') })"
    )
    created = await real.until("network.websocket.created", _page=page.target)
    await page.close()
    closed = await real.until("network.websocket.closed", requestId=created["requestId"])
    assert (closed["withTarget"], closed["bytesReceived"]) == (True, 3)


# who asks


ASKING = {
    "worker": (
        "<!doctype html><script>new Worker('/w.js')</script>",
        {
            "/w.js": "importScripts('/part.js'); fetch('/from').then(() => console.log('done'))",
            "/part.js": "1",
        },
        4,
    ),
    "module worker": (
        "<!doctype html><script>new Worker('/w.js', {type: 'module'})</script>",
        {"/w.js": "import '/part.js'; fetch('/from').then(() => console.log('done'))", "/part.js": "1"},
        4,
    ),
    "worker of a worker": (
        "<!doctype html><script>new Worker('/w.js')</script>",
        {"/w.js": "new Worker('/v.js')", "/v.js": "fetch('/from').then(() => console.log('done'))"},
        4,
    ),
    "shared worker": (
        "<!doctype html><script>new SharedWorker('/w.js')</script>",
        {"/w.js": "importScripts('/part.js'); fetch('/from').then(() => console.log('done'))", "/part.js": "1"},
        4,
    ),
    "service worker": (
        "<!doctype html><script>navigator.serviceWorker.register('/w.js')</script>",
        {"/w.js": "importScripts('/part.js'); fetch('/from').then(() => console.log('done'))", "/part.js": "1"},
        4,
    ),
    "hints": (
        "<!doctype html><link rel=prefetch href=/a><link rel=preload as=fetch href=/b crossorigin>"
        "<link rel=modulepreload href=/m.js><script>onload = () => setTimeout(() => console.log('done'), 200)</script>",
        {"/m.js": "1"},
        4,
    ),
    "speculation rules": (
        "<!doctype html><script type=speculationrules>"
        '{"prefetch": [{"source": "list", "urls": ["/blank?next"], "eagerness": "immediate"}]}</script>',
        {},
        2,
    ),
    "styles and pictures": (
        "<!doctype html><style>@import '/c.css'; body { background: url(/bg.png) }</style><img src=/i.png>"
        "<object data=/o.svg></object><video src=/v.mp4></video>",
        {},
        6,
    ),
    "a report": (
        "<!doctype html><meta http-equiv=Content-Security-Policy content=\"img-src 'none'\">"
        "<a ping=/ping href=/blank?after id=a>x</a><script>a.click()</script>",
        {},
        3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKING)
async def test_whoever_asks_it_is_recorded_once(
    name: str, real: RealRuntime, client: CdpClient, server: Server
) -> None:
    html, scripts, count = ASKING[name]
    server.routes["/page"] = html
    for path, text in scripts.items():
        server.routes[path] = Reply(headers=SCRIPT, body=text.encode())
    page = await client.new_page()
    await page.goto(f"{server.url}/page")
    await eventually(lambda: len(server.paths) == count, 10, explain=lambda: server.paths)
    await same(real, server)
    await page.close()


@pytest.mark.parametrize(
    "options", [{}, {"newWindow": True}, {"background": True}, {"forTab": True}]
)
async def test_a_page_made_with_a_url_tells_its_first_request(
    options: dict[str, Any], real: RealRuntime, client: CdpClient, server: Server
) -> None:
    made = f"{server.url}/blank?made=" + "-".join(options)
    server.routes["/old"] = Reply(302, {"Location": made})
    target = await client.call("Target.createTarget", url=f"{server.url}/old", **options)
    loaded = await real.until("page.load", milestone="load", url=made)
    await same(real, server)
    await real.until("navigation", phase="started", url=f"{server.url}/old", _page=loaded["_page"])
    assert ("forTab" in options) != (target["targetId"] == loaded["_page"])


async def test_a_page_made_with_a_url_in_a_context_of_its_own(
    real: RealRuntime, client: CdpClient, server: Server
) -> None:
    context = (await client.call("Target.createBrowserContext"))["browserContextId"]
    url = f"{server.url}/blank?context"
    await client.call("Target.createTarget", url=url, browserContextId=context)
    await real.until("page.load", milestone="load", url=url)
    await same(real, server)
    await client.call("Target.disposeBrowserContext", browserContextId=context)


async def test_fifty_popups(real: RealRuntime, at_blank: CdpPage, server: Server) -> None:
    await at_blank.evaluate(
        "void (ws = [...Array(50).keys()].map(n => open('/blank?popup=' + n, '', n % 2 ? 'noopener' : '')))"
    )
    await eventually(lambda: len(server.paths) == 51, explain=lambda: len(server.paths))
    await same(real, server)
    opened = [each for each in real.of("page.opened") if each.get("openerId") == at_blank.target]
    assert len(opened) >= 25  # those without an opener do not say so
    assert all(each["openerFrameId"] == at_blank.target for each in opened)


async def test_a_page_that_is_closed_at_once(
    real: RealRuntime, client: CdpClient, server: Server
) -> None:
    for number in range(5):
        url = f"{server.url}/blank?closed={number}"
        target = (await client.call("Target.createTarget", url=url))["targetId"]

        async def is_closed() -> bool:
            """Chromium forgets to close a page whose navigation commits at that moment."""
            with suppress(CdpRefused):
                await client.call("Target.closeTarget", targetId=target)  # noqa: B023
            return real.find("page.closed", _page=target) is not None  # noqa: B023

        await eventually(is_closed)
    seen = recorded_paths(real, server)
    assert (
        not Counter(server.paths) - seen
    )  # some may have been stopped before they reached the server


async def test_urls_of_two_megabytes_and_unstorable_text(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    await at_blank.evaluate("fetch('/x?' + 'a'.repeat(60000)).then(() => 1)")
    await at_blank.evaluate("fetch('data:text/plain,' + 'b'.repeat(2000000)).then(() => 1)")
    await at_blank.evaluate("console.log('nul \\0 and half \\ud800 a pair')")
    await real.until("console.message", text="nul \ufffd and half \ufffd a pair")
    long = [each for each in requests(real, server) if "url" in each.get("truncated", {})]
    assert [each["truncated"]["url"] > 60000 for each in long] == [True]

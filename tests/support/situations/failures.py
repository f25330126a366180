"""Requests that come to nothing, each with its reason."""

from __future__ import annotations

import asyncio

from tests.support.observed_site import TEXT, Exchange, Reply, Route
from tests.support.observed_site.wire import encode_head

from .situation import Drive, Record, Scene, Situation, html, runs

ANYONE = (("Access-Control-Allow-Origin", "*"),)
CSP = (
    ("Content-Security-Policy", "connect-src 'none'; img-src 'self'; script-src 'unsafe-inline'"),
)


async def held(exchange: Exchange) -> None:
    """Never answered."""
    await exchange.gone()


async def begun(exchange: Exchange) -> None:
    """A head and the beginning of a body, and no more."""
    await exchange.begin(
        200, encode_head(200, [("Content-Length", "1000"), ("Content-Type", TEXT)])
    )
    await exchange.send(b"begun", 5)
    await exchange.gone()


async def cut_short(exchange: Exchange) -> None:
    """Less of a body than was announced."""
    await exchange.begin(
        200, encode_head(200, [("Content-Length", "1000"), ("Content-Type", TEXT)])
    )
    await exchange.send(b"short", 5)
    exchange.close()


async def closed(exchange: Exchange) -> None:
    """Closed without an answer."""
    exchange.close()


def _closes_once() -> Route:
    """Closed without an answer the first time, answered the next."""
    asked = 0

    async def answer(exchange: Exchange) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            exchange.close()
        else:
            await exchange.answer(Reply(body=b"again"))

    return answer


async def reset(exchange: Exchange) -> None:
    """Reset without an answer."""
    exchange.reset()


async def garbage(exchange: Exchange) -> None:
    """An answer that is not HTTP/1."""
    await exchange.send(b"HTTP/1.1 abc\r\nContent-Length: x\r\nContent-Length: 7\r\n\r\n", 0)
    exchange.close()


def navigates_to(*urls: str) -> Drive:
    """Navigations that fail, one after the other."""

    async def drive(scene: Scene) -> None:
        for url in urls:
            await scene.fail_to_go(url.format(**scene.places))

    return drive


def fetches(*urls: str, options: str = "{}") -> Drive:
    """Fetches whose failure is expected."""
    return runs(
        f"for (const url of [{', '.join(urls)}]) await fetch(url, {options}).then(r => r.text()).catch(() => 0)"
    )


def _navigation_failed(record: Record) -> None:
    failed, *_ = record.of("navigation", phase="failed")
    assert failed["data"]["errorText"] == "net::ERR_CONNECTION_REFUSED", failed
    assert not record.of("navigation", phase="committed", url=failed["data"]["url"])


def _refused_though_answered(record: Record) -> None:
    assert record.hop("/without").status == 200
    assert record.hop("/without").failed


def _preflights(record: Record) -> None:
    preflight, request = [hop for hop in record.hops if hop.url.endswith("/asked")]
    if preflight.method != "OPTIONS":
        preflight, request = request, preflight
    assert preflight.response is not None
    assert preflight.response["data"]["resourceType"] == "Preflight"
    assert preflight.request["data"]["initiator"]["requestId"] == request.request_id


async def _asked(exchange: Exchange) -> None:
    allow = (
        *ANYONE,
        ("Access-Control-Allow-Methods", "PUT"),
        ("Access-Control-Allow-Headers", "x-extra"),
    )
    if exchange.request.method == "OPTIONS":
        await exchange.answer(Reply(204, headers=allow))
    else:
        await exchange.answer(Reply(body=b"allowed\n", headers=ANYONE))


PREFLIGHTED = "{method: 'PUT', body: 'x', headers: {'x-extra': '1'}}"

ABORTS = """
const cut = async (path, until) => {
  const controller = new AbortController();
  const asked = fetch(here + path, {signal: controller.signal}).then(r => r.text());
  await until(path);
  controller.abort();
  await asked.catch(() => 0);
};
const seen = path => fetch(here + '/seen?' + path.slice(1)).then(r => r.text());
await cut('/held', seen);
await cut('/begun', seen);
await fetch(here + '/held-longer', {signal: AbortSignal.timeout(200)}).catch(() => 0);
"""


async def _seen(exchange: Exchange) -> None:
    """Answers a little later, so that what was asked before has arrived."""
    await asyncio.sleep(0.1)
    await exchange.answer(Reply())


def _begun_has_a_size(record: Record) -> None:
    begun_hop = record.hop("/begun")
    assert begun_hop.status == 200
    assert begun_hop.end is not None
    assert begun_hop.end["data"]["decodedBytes"] == 5
    assert begun_hop.end["data"]["canceled"] is True


def _refused_fetch_is_in_the_console(record: Record) -> None:
    """Chromium makes no request of a fetch that a policy forbids; it says so in the console."""
    texts = [each["data"]["text"] for each in record.of("console.message", level="error")]
    assert any("/fetched" in text and "connect-src" in text for text in texts), texts


async def _mixed(scene: Scene) -> None:
    await scene.page.goto(scene.places["tls"] + "/")
    await scene.evaluate("await fetch('http://mixed.invalid/fetched').catch(() => 0)")


FAILURES = [
    Situation(
        "aborted",
        runs(ABORTS),
        {"/held": held, "/held-longer": held, "/begun": begun, "/seen": _seen},
        failures=tuple((path, "net::ERR_ABORTED") for path in ("/held", "/begun", "/held-longer")),
        check=_begun_has_a_size,
    ),
    Situation(
        "broken-connections",
        fetches(
            "here + '/closed'", "here + '/reset'", "here + '/garbage'", options="{method: 'POST'}"
        ),
        {
            "/": html(keep_alive=False),  # what fails on a connection used before is sent again
            "/closed": closed,
            "/reset": reset,
            "/garbage": garbage,
        },
        failures=(
            ("/closed", "net::ERR_EMPTY_RESPONSE"),
            ("/reset", "net::ERR_CONNECTION_RESET"),
            ("/garbage", "net::ERR_RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH"),
        ),
    ),
    Situation(
        "cut-short",
        runs("await (await fetch(here + '/short')).text().catch(() => 0)"),
        {"/short": cut_short},
        failures=(("/short", "net::ERR_CONTENT_LENGTH_MISMATCH"),),
    ),
    Situation(
        "no-connection",
        fetches(
            "dead + '/refused'",
            "'http://nosuch.invalid/name'",
            "tls + '/tls'",
            "'http://127.0.0.1:1/port'",
        ),
        unseen={"could not be sent": 4},
        failures=(
            ("/refused", "net::ERR_CONNECTION_REFUSED"),
            ("/name", "net::ERR_NAME_NOT_RESOLVED"),
            ("/tls", "net::ERR_CERT_AUTHORITY_INVALID"),
            ("/port", "net::ERR_UNSAFE_PORT"),
        ),
    ),
    Situation(
        "navigation-refused",
        navigates_to("{dead}/refused"),
        unseen={"could not be sent": 1},
        failures=(("/refused", "net::ERR_CONNECTION_REFUSED"),),
        check=_navigation_failed,
        error_page=True,
    ),
    Situation(
        "navigation-name-and-tls",
        navigates_to("http://nosuch.invalid/name", "{tls}/tls"),
        unseen={"could not be sent": 2},
        failures=(
            ("/name", "net::ERR_NAME_NOT_RESOLVED"),
            ("/tls", "net::ERR_CERT_AUTHORITY_INVALID"),
        ),
        error_page=True,
    ),
    Situation(
        "navigation-broken",
        navigates_to("{here}/garbage", "{here}/204"),
        {"/garbage": garbage, "/204": Reply(204)},
        failures=(
            ("/garbage", "net::ERR_RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH"),
            ("/204", "net::ERR_ABORTED"),
        ),
        error_page=True,
    ),
    Situation(
        "sent-again",
        runs(
            "await (await fetch(here + '/warm')).text(); await (await fetch(here + '/once')).text()"
        ),
        {"/warm": Reply(body=b"warm"), "/once": _closes_once()},
        unrecorded={"/once": "sent again"},
    ),
    Situation(
        "cors-refused",
        fetches("other + '/without'"),
        {"/without": Reply(body=b"not for everyone\n")},
        failures=(("/without", "net::ERR_FAILED MissingAllowOriginHeader"),),
        check=_refused_though_answered,
    ),
    Situation(
        "cors-allowed",
        fetches("other + '/asked'", options=PREFLIGHTED),
        {"/asked": _asked},
        check=_preflights,
    ),
    Situation(
        "cors-preflight-refused",
        fetches("other + '/asked'", options=PREFLIGHTED),
        {"/asked": Reply(body=b"no\n")},
        unseen={"blocked before it was sent": 1},
        failures=(("/asked", "net::ERR_FAILED PreflightMissingAllowOriginHeader"),),
    ),
    Situation(
        "blocked-by-csp",
        runs(
            "await fetch(here + '/fetched').catch(() => 0);"
            "await new Promise(done => { const image = new Image();"
            " image.onerror = done; image.src = other + '/image' })"
        ),
        {"/": html(headers=CSP)},
        unseen={"blocked before it was sent": 1},
        failures=(("/image", "csp"),),
        check=_refused_fetch_is_in_the_console,
    ),
    Situation(
        "blocked-by-response",
        runs(
            "const image = new Image(); image.src = other + '/not-an-image';"
            "await new Promise(done => image.onerror = done);"
            "const frame = document.createElement('iframe'); frame.src = other + '/not-framed';"
            "document.body.append(frame); await new Promise(done => frame.onload = done);"
        ),
        {
            "/not-an-image": html("no image"),
            "/not-framed": html("no frame", headers=(("X-Frame-Options", "DENY"),)),
        },
        failures=(
            ("/not-an-image", "net::ERR_BLOCKED_BY_ORB"),
            ("/not-framed", "net::ERR_BLOCKED_BY_RESPONSE other"),
        ),
    ),
    Situation(
        "mixed-content",
        _mixed,
        unseen={"blocked before it was sent": 1},
        failures=(("/fetched", "mixed-content"),),
        context={"ignore_https_errors": True},
    ),
]

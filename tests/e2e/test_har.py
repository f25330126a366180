"""Playwright's HAR of a run beside our record of it: what it has, we have, and alike."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.support.eventually import eventually
from tests.support.observed_site import HTML, SCRIPT, Exchange, ObservedSite, Reply, Route
from tests.support.recall import Hop, hops_of
from tests.support.run import Event, Run

Entry = dict[str, Any]

ANYONE = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "x-extra"))
LONG = b"Reel & Co. " * 3000
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
PAGE = """<!doctype html><title>HAR</title><link rel=stylesheet href=style.css>
<img src=picture.svg><img src=missing.svg>
<script src=script.js></script>"""
ASKS = """async other => {
  const text = async (...asked) => (await fetch(...asked)).text();
  await text('/moved');
  await text('/sent', {method: 'POST', body: 'a body'});
  await text('/long');
  await text(other + '/extra', {headers: {'x-extra': '1'}});
  await text('data:text/plain,hello');
  const worker = new Worker('/worker.js');
  await new Promise(done => worker.onmessage = done);
  const frame = document.createElement('iframe');
  frame.src = other + '/framed';
  document.body.append(frame);
  await new Promise(done => frame.onload = done);
}"""


async def _extra(exchange: Exchange) -> None:
    preflight = exchange.request.method == "OPTIONS"
    await exchange.answer(
        Reply(204 if preflight else 200, b"" if preflight else b"extra", headers=ANYONE)
    )


ROUTES: dict[str, Route] = {
    "/": Reply(body=PAGE.encode(), content_type=HTML),
    "/style.css": Reply(body=b"body { color: navy }", content_type="text/css"),
    "/picture.svg": Reply(body=PICTURE, content_type="image/svg+xml"),
    "/script.js": Reply(body=b"void 0", content_type=SCRIPT),
    "/moved": Reply(302, headers=(("Location", "/arrived"),)),
    "/arrived": Reply(body=b"arrived"),
    "/sent": Reply(201, b"made"),
    "/long": Reply(body=LONG, encoding="gzip"),
    "/extra": _extra,
    "/worker.js": Reply(
        body=b"fetch('/by-worker').then(r => r.text()).then(() => postMessage(1))",
        content_type=SCRIPT,
    ),
    "/by-worker": Reply(body=b"work"),
    "/framed": Reply(body=b"<img src=picture.svg>", content_type=HTML),
}

# What the record has and Playwright's HAR leaves out, and how to know it.
KNOWN_GAPS: dict[str, Callable[[Hop], bool]] = {
    "favicon": lambda hop: hop.url.endswith("/favicon.ico"),
    "preflight": lambda hop: hop.is_preflight,
    "data:": lambda hop: hop.url.startswith("data:"),
}


@pytest.fixture
async def observed() -> AsyncIterator[ObservedSite]:
    async with ObservedSite(ROUTES) as site:
        yield site


@pytest.fixture
async def both(
    run: Run, browser: Browser, observed: ObservedSite, tmp_path: Path
) -> tuple[list[Entry], list[Hop]]:
    """One visit: the HAR's entries, and the record's requests."""
    path = tmp_path / "visit.har"
    context = await browser.new_context(record_har_path=path, record_har_content="embed")
    page = await context.new_page()
    await page.goto(observed.url)
    await page.evaluate(ASKS, observed.other_url)
    await eventually(lambda: _all_ended(run), explain=lambda: [str(each) for each in observed.log])
    await context.close()
    hops = hops_of(await _visit(run))
    return json.loads(path.read_text())["log"]["entries"], hops


async def _visit(run: Run) -> list[Event]:
    """The events of pages that a client opened, and not of the browser's first one."""
    return [each for each in await run.events() if each["category"] == "network"]


async def _all_ended(run: Run) -> bool:
    hops = hops_of(await _visit(run))
    return any("framed" in hop.url for hop in hops) and all(hop.ended for hop in hops)


def _pairs(entries: list[Entry], hops: list[Hop]) -> list[tuple[Entry, Hop]]:
    """Each entry with its request in the record; fails where one is missing."""
    left = list(hops)
    pairs = []
    for entry in entries:
        asked = entry["request"]
        found = next(
            (hop for hop in left if (hop.method, hop.url) == (asked["method"], asked["url"])), None
        )
        assert found is not None, f"{asked['method']} {asked['url']} is in the HAR only"
        left.remove(found)
        pairs.append((entry, found))
    return pairs


def _told(entry: Entry) -> dict[str, Any]:
    """What both tell, as the HAR has it."""
    response = entry["response"]
    location = response["redirectURL"]
    return {
        "status": response["status"],
        "mime_type": response["content"]["mimeType"].partition(";")[0],
        "redirected": bool(location),
        "body_bytes": None if location else response["content"]["size"],
        "wire_bytes": None if location else response["_transferSize"],
    }


def _recorded(hop: Hop) -> dict[str, Any]:
    """The same, as the record has it."""
    assert hop.response is not None
    end = hop.end["data"] if hop.end else {}
    return {
        "status": hop.response["data"]["httpStatus"],
        "mime_type": hop.response["data"].get("mimeType", ""),
        "redirected": hop.redirected,
        "body_bytes": None if hop.redirected else end.get("decodedBytes", 0),
        "wire_bytes": None if hop.redirected else end.get("encodedBytes", 0),
    }


async def test_what_the_har_has_the_record_has(both: tuple[list[Entry], list[Hop]]) -> None:
    entries, hops = both
    unlike = [
        f"{hop}: the HAR has {_told(entry)}, the record {_recorded(hop)}"
        for entry, hop in _pairs(entries, hops)
        if _told(entry) != _recorded(hop)
    ]
    assert not unlike, "\n".join(["", *unlike])


async def test_the_order_is_the_same(both: tuple[list[Entry], list[Hop]]) -> None:
    entries, hops = both
    pairs = _pairs(entries, hops)
    places = [hops.index(hop) for _, hop in pairs]
    assert places == sorted(places), [entry["request"]["url"] for entry in entries]


async def test_what_the_har_leaves_out_is_known(both: tuple[list[Entry], list[Hop]]) -> None:
    entries, hops = both
    told = [id(hop) for _, hop in _pairs(entries, hops)]
    left = [hop for hop in hops if id(hop) not in told]
    reasons = {_gap(hop) for hop in left}
    assert reasons == set(KNOWN_GAPS)


def _gap(hop: Hop) -> str:
    return next((why for why, applies in KNOWN_GAPS.items() if applies(hop)), f"unknown: {hop}")

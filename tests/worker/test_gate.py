from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from schemas.runtime_config import NetworkTraffic
from worker.tap.gate import Gate


def paused(url: str, kind: str = "Document", request_id: str = "1", **more: Any) -> bytes:
    params = {"requestId": request_id, "request": {"url": url, "headers": {}}, "resourceType": kind}
    params["frameId"] = "F"
    return msgspec.json.encode({"method": "Fetch.requestPaused", "params": params | more})


def lets_pass(gate: Gate, url: str, kind: str = "Document") -> bool:
    method, _ = gate.on_paused(paused(url, kind))
    return method == "Fetch.continueRequest"


def test_nothing_is_intercepted_that_need_not_be() -> None:
    assert Gate().calls() == ()
    assert Gate(NetworkTraffic(block_resource_types=["websocket"])).calls() == ()


@pytest.mark.parametrize(
    ("traffic", "patterns"),
    [
        (
            NetworkTraffic(block_resource_types=["image", "xhr", "fetch", "texttrack"]),
            [{"resourceType": "Image"}, {"resourceType": "TextTrack"}, {"resourceType": "XHR"}],
        ),
        (NetworkTraffic(url_blocklist=["*.ads.test/*"]), [{"urlPattern": "*.ads.test/*"}]),
        (NetworkTraffic(url_allowlist=["https://a.test/*"]), [{"urlPattern": "*"}]),
    ],
)
def test_only_what_may_be_refused_is_intercepted(traffic: NetworkTraffic, patterns: Any) -> None:
    assert Gate(traffic).calls() == (("Fetch.enable", {"patterns": patterns}),)


@pytest.mark.parametrize(
    ("pattern", "url", "fits"),
    [
        ("http://a.test/*", "http://a.test/x?y", True),
        ("http://a.test/*", "http://b.test/http://a.test/", False),
        ("*/ads/*", "https://a.test/ads/1.js", True),
        ("*.png", "https://a.test/1.png", True),
        ("*.png", "https://a.test/1.png?x", False),
        ("http://a.test/?", "http://a.test/x", True),
        ("http://a.test/?", "http://a.test/", False),
        (r"http://a.test/\?", "http://a.test/?", True),
        (r"http://a.test/\?", "http://a.test/x", False),
        ("http://a.test/(1+1)[x]", "http://a.test/(1+1)[x]", True),
        ("*a*b*c*", "http://xaybzc", True),
        ("*a*b*c", "http://xaybzcc", True),
    ],
)
def test_patterns_are_read_as_chromium_reads_them(pattern: str, url: str, fits: bool) -> None:
    assert lets_pass(Gate(NetworkTraffic(url_allowlist=[pattern])), url) is fits
    assert lets_pass(Gate(NetworkTraffic(url_blocklist=[pattern])), url) is not fits


def test_a_page_cannot_make_a_pattern_take_long() -> None:
    gate = Gate(NetworkTraffic(url_blocklist=["*a*a*a*a*a*a*b"]))
    since = time.thread_time()
    assert lets_pass(gate, "http://a.test/" + "a" * 8000)
    assert time.thread_time() - since < 0.2


_MANY = [f"*a*a*b{number}*" for number in range(1000)]


@pytest.mark.parametrize(
    "traffic", [NetworkTraffic(url_allowlist=_MANY), NetworkTraffic(url_blocklist=_MANY)]
)
def test_a_url_that_is_too_long_to_be_compared_is_refused_where_there_are_lists(
    traffic: NetworkTraffic,
) -> None:
    gate = Gate(traffic)
    url = "http://a.test/" + "a" * 2_000_000
    since = time.thread_time()
    assert not lets_pass(gate, url)
    assert time.thread_time() - since < 0.5
    assert lets_pass(Gate(NetworkTraffic(block_resource_types=["image"])), url)


def test_what_is_blocked_is_so_though_it_is_allowed() -> None:
    gate = Gate(NetworkTraffic(url_allowlist=["http://a.test/*"], url_blocklist=["*secret*"]))
    assert lets_pass(gate, "http://a.test/x")
    assert not lets_pass(gate, "http://a.test/secret")
    assert lets_pass(gate, "chrome://settings/secret")  # nothing of the network

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from schemas.runtime_config import NetworkTraffic
from worker.tap.gate import Gate
from worker.tap.proxy_login import Login


def paused(url: str, kind: str = "Document", request_id: str = "1", **more: Any) -> bytes:
    params = {"requestId": request_id, "request": {"url": url, "headers": {}}, "resourceType": kind}
    params["frameId"] = "F"
    return msgspec.json.encode({"method": "Fetch.requestPaused", "params": params | more})


def challenge(source: str, request_id: str = "1") -> bytes:
    params = {"requestId": request_id, "frameId": "F", "authChallenge": {"source": source}}
    return msgspec.json.encode({"method": "Fetch.authRequired", "params": params})


def lets_pass(gate: Gate, url: str, kind: str = "Document") -> bool:
    [(method, _)] = gate.on_paused(paused(url, kind))
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
    assert Gate(traffic).calls() == (
        ("Fetch.enable", {"patterns": patterns, "handleAuthRequests": False}),
    )


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


LOGIN = Login("user", "S3cr3t")
PASSWORD = {"response": "ProvideCredentials", "username": "user", "password": "S3cr3t"}


def methods(calls: Any) -> list[tuple[str, Any]]:
    """What is called, and with what of interest."""
    return [
        (method.partition(".")[2], params.get("requestId") or params.get("handleAuthRequests"))
        for method, params in calls
    ]


def test_a_login_is_never_shown() -> None:
    assert "S3cr3t" not in repr(LOGIN)


def test_the_first_request_logs_in_and_the_others_wait_for_it() -> None:
    gate = Gate(login=LOGIN)
    assert gate.calls()[0][1]["handleAuthRequests"] is False
    assert methods(gate.on_paused(paused("http://a.test/1"))) == [
        ("enable", True),
        ("continueRequest", "1"),
    ]
    assert gate.on_paused(paused("http://a.test/2", request_id="2")) == []
    answers = gate.on_auth(challenge("Proxy"))
    assert answers[0][1]["authChallengeResponse"] == PASSWORD
    assert methods(answers) == [
        ("continueWithAuth", "1"),
        ("enable", False),
        ("continueRequest", "2"),
    ]
    answered = paused("http://a.test/1", responseStatusCode=200)
    assert methods(gate.on_paused(answered)) == [("continueRequest", "1")]
    assert methods(gate.on_paused(paused("http://a.test/3"))) == [("continueRequest", "1")]


def test_a_proxy_that_asks_for_no_login() -> None:
    gate = Gate(login=LOGIN)
    gate.on_paused(paused("http://a.test/1"))
    gate.on_paused(paused("http://a.test/2", request_id="2"))
    answered = paused("http://a.test/1", responseStatusCode=200)
    assert methods(gate.on_paused(answered)) == [
        ("continueRequest", "1"),
        ("enable", False),
        ("continueRequest", "2"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"responseErrorReason": "Failed"},
        {"responseStatusCode": 307, "responseStatusText": "Internal Redirect"},
    ],
)
def test_a_first_request_that_the_proxy_never_saw_leaves_it_to_the_next(answer: Any) -> None:
    gate = Gate(login=LOGIN)
    for number in ("1", "2", "3"):
        gate.on_paused(paused("http://a.test/", request_id=number))
    calls = gate.on_paused(paused("http://a.test/", **answer))
    assert methods(calls) == [("continueRequest", "1"), ("continueRequest", "2")]
    assert calls[1][1]["interceptResponse"] is True
    assert methods(gate.on_auth(challenge("Proxy", "2"))) == [
        ("continueWithAuth", "2"),
        ("enable", False),
        ("continueRequest", "3"),
    ]


def test_a_first_request_whose_frame_is_found_to_be_another_contexts() -> None:
    contexts = {"F": ""}
    gate = Gate(login=LOGIN, context_of=lambda frame: contexts[frame])
    gate.on_paused(paused("http://a.test/1"))
    contexts["F"] = "C"
    answered = paused("http://a.test/1", responseStatusCode=200)
    assert methods(gate.on_paused(answered)) == [("continueRequest", "1"), ("enable", False)]
    assert methods(gate.on_paused(paused("http://a.test/2"))) == [("continueRequest", "1")]


def test_a_login_that_is_refused_is_not_tried_again() -> None:
    gate = Gate(login=LOGIN, context_of=lambda frame: frame)
    for frame, number in (("A", "1"), ("B", "2")):
        gate.on_paused(paused("http://a.test/", request_id=number, frameId=frame))
    first, again = (gate.on_auth(challenge("Proxy", "1"))[0][1] for _ in range(2))
    assert first["authChallengeResponse"] == PASSWORD
    assert again["authChallengeResponse"] == {"response": "CancelAuth"}


def test_each_context_logs_in() -> None:
    gate = Gate(login=LOGIN, context_of=lambda frame: frame)
    first = {frame: gate.on_paused(paused("http://a.test/", frameId=frame)) for frame in "AB"}
    assert methods(first["A"]) == [("enable", True), ("continueRequest", "1")]
    assert methods(first["B"]) == [("continueRequest", "1")]
    for frame, of_the_last in (("A", []), ("B", [("enable", False)])):
        answer = paused("http://a.test/", frameId=frame, responseStatusCode=200)
        assert methods(gate.on_paused(answer)) == [("continueRequest", "1"), *of_the_last]


def test_a_site_gets_what_it_would_have_got() -> None:
    gate = Gate(login=LOGIN)
    gate.on_paused(paused("http://a.test/1"))
    answer = gate.on_auth(challenge("Server"))[0][1]
    assert answer["authChallengeResponse"] == {"response": "Default"}


def test_what_waited_too_long_goes_on() -> None:
    gate = Gate(login=LOGIN)
    gate.on_paused(paused("http://a.test/1"))
    gate.on_paused(paused("http://a.test/2", request_id="2"))
    waited = gate.waits
    assert methods(gate.release()) == [("continueRequest", "2")]
    assert (waited, gate.waits) == (True, False)
    assert methods(gate.on_paused(paused("http://a.test/3", request_id="3"))) == [
        ("continueRequest", "3")
    ]


@pytest.mark.parametrize(
    "host", ["localhost", "x.localhost:1", "127.0.0.1:8080", "[::1]", "169.254.1.2", "[fe80::1]"]
)
def test_what_no_proxy_is_asked_for_is_no_first_request(host: str) -> None:
    assert methods(Gate(login=LOGIN).on_paused(paused(f"http://{host}/"))) == [
        ("continueRequest", "1")
    ]

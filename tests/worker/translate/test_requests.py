from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.events.network import (
    Initiator,
    NetworkFailed,
    NetworkFinished,
    NetworkRequest,
    NetworkResponse,
)
from tests.support.worker_translate import facts, only, page, worker
from worker.translate import WITHOUT_A_REQUEST, Tapped

REQUEST = {"url": "http://a.test/x", "method": "GET", "headers": {"Accept": "*/*"}}
RESPONSE = {"url": "http://a.test/x", "status": 200}


def will_be_sent(**others: Any) -> dict[str, Any]:
    return {"requestId": "1", "request": REQUEST} | others


def asked_for() -> Tapped:
    """A page whose request is on its way."""
    tapped = page()
    facts("Network.requestWillBeSent", will_be_sent(), tapped)
    return tapped


def post(**others: Any) -> dict[str, Any]:
    return will_be_sent(request=REQUEST | {"method": "POST", "hasPostData": True} | others)


def test_a_request_goes_out() -> None:
    fact = only(
        "Network.requestWillBeSent",
        will_be_sent(
            request=REQUEST | {"urlFragment": "#part"},
            loaderId="L1",
            documentURL="http://a.test/",
            type="Fetch",
            frameId="P1",
            timestamp=1.5,
            wallTime=1e9,
            initiator={"type": "script", "url": "http://a.test/x.js", "lineNumber": 3.0},
        ),
    )
    assert fact.status == "started"
    assert fact.data == NetworkRequest(
        request_id="1",
        method="GET",
        url="http://a.test/x#part",
        resource_type="Fetch",
        frame_id="P1",
        loader_id="L1",
        document_url="http://a.test/",
        initiator=Initiator(type="script", url="http://a.test/x.js", line_number=3),
        headers={"Accept": "*/*"},
        timestamp=1.5,
        wall_time=1e9,
    )


def test_a_request_of_a_worker() -> None:
    data = only("Network.requestWillBeSent", will_be_sent(), worker()).data
    assert isinstance(data, NetworkRequest)
    assert data.worker


@pytest.mark.parametrize(
    ("params", "size_bytes"),
    [
        (post(postData="äb"), 3),
        (post(postDataEntries=[{"bytes": "QUJD"}, {"bytes": "QQ=="}]), 4),
        (post(postDataEntries=[{"bytes": "QUJD"}, {}]), msgspec.UNSET),
        (post(), msgspec.UNSET),
        (will_be_sent(), msgspec.UNSET),
    ],
)
def test_of_a_body_only_its_size_is_kept(params: dict[str, Any], size_bytes: object) -> None:
    fact = only("Network.requestWillBeSent", params)
    assert isinstance(fact.data, NetworkRequest)
    assert fact.data.post_data_bytes == size_bytes
    assert b"QUJD" not in msgspec.json.encode(fact.data)


def test_a_redirect_tells_its_response_first() -> None:
    redirect = RESPONSE | {"status": 302, "url": "http://a.test/old"}
    response, request = facts("Network.requestWillBeSent", will_be_sent(redirectResponse=redirect))
    assert isinstance(response.data, NetworkResponse)
    assert isinstance(request.data, NetworkRequest)
    assert (response.data.http_status, response.data.redirect) == (302, True)
    assert response.data.request_id == request.data.request_id
    assert request.data.redirect


def test_the_head_of_a_response() -> None:
    fact = only(
        "Network.responseReceived",
        {
            "requestId": "1",
            "type": "Document",
            "response": RESPONSE
            | {
                "statusText": "OK",
                "mimeType": "text/html",
                "protocol": "h2",
                "remoteIPAddress": "127.0.0.1",
                "remotePort": 80,
                "fromServiceWorker": True,
                "encodedDataLength": 12.0,
                "timing": {"dnsStart": -1, "sendStart": 0, "sendEnd": 0.5, "requestTime": 9.5},
                "headers": {"A": "b"},
            },
        },
        asked_for(),
    )
    assert fact.status == "received"
    assert fact.data == NetworkResponse(
        request_id="1",
        url="http://a.test/x",
        http_status=200,
        status_text="OK",
        mime_type="text/html",
        resource_type="Document",
        protocol="h2",
        remote_address="127.0.0.1",
        remote_port=80,
        headers={"A": "b"},
        from_service_worker=True,
        encoded_bytes=12,
        timing={"sendStart": 0, "sendEnd": 0.5, "requestTime": 9.5},
    )


@pytest.mark.parametrize(("length", "size_bytes"), [(1234.0, 1234), (-1, 0)])
def test_all_has_arrived(length: float, size_bytes: int) -> None:
    finished = {"requestId": "1", "encodedDataLength": length}
    fact = only("Network.loadingFinished", finished, asked_for())
    assert fact.status == "finished"
    assert fact.data == NetworkFinished(request_id="1", encoded_bytes=size_bytes)


@pytest.mark.parametrize(
    ("why", "waits"),
    [
        ({"errorText": "net::ERR_NAME_NOT_RESOLVED"}, False),
        ({"errorText": "net::ERR_FAILED", "blockedReason": "csp"}, False),
        (
            {
                "errorText": "net::ERR_FAILED",
                "corsErrorStatus": {"corsError": "PreflightInvalidStatus"},
            },
            False,
        ),
        ({"errorText": "net::ERR_ABORTED"}, True),
        ({"errorText": "net::ERR_UNSAFE_REDIRECT"}, True),
    ],
)
def test_only_what_may_have_been_answered_waits(why: dict[str, Any], *, waits: bool) -> None:
    tapped = asked_for()
    told = facts("Network.loadingFailed", {"requestId": "1"} | why, tapped)
    assert (told == []) == tapped.browser.requests.waits == waits
    requests = tapped.browser.requests
    (fact,) = [*told, *requests.sweep(), *requests.sweep()]
    assert isinstance(fact.data, NetworkFailed)
    assert len(requests) == 0


def test_a_request_comes_to_nothing() -> None:
    tapped = asked_for()
    facts("Network.responseReceived", {"requestId": "1", "response": RESPONSE}, tapped)
    fact = only(
        "Network.loadingFailed",
        {
            "requestId": "1",
            "errorText": "net::ERR_FAILED",
            "type": "Fetch",
            "blockedReason": "other",
            "corsErrorStatus": {"corsError": "MissingAllowOriginHeader"},
        },
        tapped,
    )
    assert fact.status == "failed"
    assert fact.data == NetworkFailed(
        request_id="1",
        error_text="net::ERR_FAILED",
        url="http://a.test/x",
        resource_type="Fetch",
        blocked_reason="other",
        cors_error="MissingAllowOriginHeader",
    )


@pytest.mark.parametrize(
    "own",
    [
        will_be_sent(request=REQUEST | {"url": "chrome://resources/x.js"}),
        will_be_sent(documentURL="chrome-error://chromewebdata/"),
    ],
)
def test_what_the_browser_fetches_for_itself_is_left_out_to_its_end(own: dict[str, Any]) -> None:
    tapped = page()
    assert facts("Network.requestWillBeSent", own, tapped) == []
    received = {"requestId": "1", "response": RESPONSE}
    assert facts("Network.responseReceived", received, tapped) == []
    assert facts("Network.loadingFinished", {"requestId": "1"}, tapped) == []
    assert len(tapped.browser.requests) == 0  # nothing is remembered for ever
    assert tapped.browser.passed_over == {"internal requests": 1}


def test_the_error_page_that_goes_on_under_a_failed_requests_id() -> None:
    tapped = page()
    facts("Network.requestWillBeSent", will_be_sent(type="Document", loaderId="1"), tapped)
    failed = {"requestId": "1", "type": "Document", "errorText": "net::ERR_NAME_NOT_RESOLVED"}
    assert len(facts("Network.loadingFailed", failed, tapped)) == 1
    assert facts("Network.loadingFinished", {"requestId": "1"}, tapped) == []
    assert len(tapped.browser.requests) == 0


def test_from_the_pages_memory() -> None:
    """The announcement of more to come is that of the first time, so nothing is waited for."""
    tapped = page()
    facts("Network.requestWillBeSent", will_be_sent(), tapped)
    assert facts("Network.requestServedFromCache", {"requestId": "1"}, tapped) == []
    received = {"requestId": "1", "response": RESPONSE, "hasExtraInfo": True}
    data = only("Network.responseReceived", received, tapped).data
    assert isinstance(data, NetworkResponse)
    assert data.from_memory_cache


def test_a_body_is_counted_and_timed_to_its_end() -> None:
    tapped = page()
    facts("Network.requestWillBeSent", will_be_sent(timestamp=10.0), tapped)
    for length in (7, 5):
        facts("Network.dataReceived", {"requestId": "1", "dataLength": length}, tapped)
    fact = only("Network.loadingFinished", {"requestId": "1", "timestamp": 10.25}, tapped)
    assert isinstance(fact.data, NetworkFinished)
    assert (fact.data.decoded_bytes, fact.duration_ms) == (12, 250)
    assert len(tapped.browser.requests) == 0


def test_a_redirect_begins_the_count_anew() -> None:
    tapped = page()
    facts("Network.requestWillBeSent", will_be_sent(timestamp=1.0), tapped)
    facts("Network.dataReceived", {"requestId": "1", "dataLength": 7}, tapped)
    again = will_be_sent(timestamp=2.0, redirectResponse=RESPONSE | {"status": 302})
    facts("Network.requestWillBeSent", again, tapped)
    fact = only("Network.loadingFinished", {"requestId": "1", "timestamp": 2.5}, tapped)
    assert isinstance(fact.data, NetworkFinished)
    assert (fact.data.decoded_bytes, fact.duration_ms) == (0, 500)


def test_clocks_of_two_processes_make_no_negative_time() -> None:
    tapped = page()
    facts("Network.requestWillBeSent", will_be_sent(timestamp=2.0), tapped)
    finished = {"requestId": "1", "timestamp": 1.9}
    assert only("Network.loadingFinished", finished, tapped).duration_ms == 0


# what nobody asked for, and what was asked for before anyone could listen


STARTED = {"frameId": "P1", "loaderId": "L1", "url": "http://a.test/x#part"}
HEAD: dict[str, Any] = {"requestId": "L1", "loaderId": "L1", "frameId": "P1", "type": "Document"}
HEAD |= {"response": RESPONSE}
FRAME = {"id": "P1", "loaderId": "L1", "url": RESPONSE["url"], "urlFragment": "#part"}
ENDS = [
    ("Network.responseReceived", HEAD),
    ("Network.loadingFinished", {"requestId": "L1"}),
    ("Network.loadingFailed", {"requestId": "L1", "errorText": "net::ERR_ABORTED"}),
]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("Network.responseReceived", HEAD | {"loaderId": ""}),
        ("Network.responseReceived", HEAD | {"response": RESPONSE | {"url": "chrome://version/"}}),
        *ENDS[1:],
    ],
)
@pytest.mark.parametrize("url", [None, "about:srcdoc", "data:text/html,x"])
def test_without_a_request_there_is_no_answer_and_no_end(
    method: str, params: dict[str, Any], url: str | None
) -> None:
    tapped = page()
    if url is not None:
        facts("Page.frameStartedNavigating", STARTED | {"url": url}, tapped)
    assert facts("Network.dataReceived", {"requestId": "L1", "dataLength": 9}, tapped) == []
    assert facts(method, params, tapped) == []
    assert tapped.browser.passed_over == {WITHOUT_A_REQUEST: 1}
    assert len(tapped.browser.requests) == 0


@pytest.mark.parametrize(("method", "params"), ENDS)
@pytest.mark.parametrize("arrived", [False, True])
def test_the_request_of_a_document_that_was_under_way_already(
    method: str, params: dict[str, Any], *, arrived: bool
) -> None:
    tapped = page()
    facts("Page.frameStartedNavigating", STARTED, tapped)
    if arrived:
        facts("Page.frameNavigated", {"frame": FRAME}, tapped)
    request, *after = facts(method, params, tapped)
    assert request.status == "started"
    assert request.data == NetworkRequest(
        request_id="L1",
        method="",
        url="http://a.test/x#part",
        resource_type="Document",
        frame_id="P1",
        loader_id="L1",
        reconstructed=True,
    )
    assert len(after) == (0 if method == "Network.loadingFailed" else 1)  # that waits


def test_its_answer_alone_tells_of_a_request() -> None:
    request, _response = facts("Network.responseReceived", HEAD)
    assert isinstance(request.data, NetworkRequest)
    assert request.data.reconstructed
    assert (request.data.url, request.data.frame_id) == (RESPONSE["url"], "P1")


def test_of_that_request_is_told_what_can_be_known() -> None:
    tapped = page()
    facts("Page.frameStartedNavigating", STARTED, tapped)
    sent = {"requestId": "L1", "headers": {"Content-Length": "3"}}
    facts("Network.requestWillBeSentExtraInfo", sent, tapped)
    answer = RESPONSE | {"url": "http://a.test/elsewhere", "timing": {"requestTime": 9.5}}
    request, _response = facts("Network.responseReceived", HEAD | {"response": answer}, tapped)
    assert isinstance(request.data, NetworkRequest)
    assert (request.data.method, request.data.timestamp) == ("POST", 9.5)
    assert request.data.url == "http://a.test/elsewhere"  # a redirect was not told
    facts("Network.dataReceived", {"requestId": "L1", "dataLength": 9}, tapped)
    finished = only("Network.loadingFinished", {"requestId": "L1", "timestamp": 10.0}, tapped)
    assert isinstance(finished.data, NetworkFinished)
    assert (finished.data.decoded_bytes, finished.duration_ms) == (9, 500)


def test_a_request_is_reconstructed_once_and_only_if_it_was_not_told() -> None:
    tapped = page()
    facts("Page.frameStartedNavigating", STARTED, tapped)
    own = will_be_sent(requestId="L1", loaderId="L1", type="Document", frameId="P1")
    assert len(facts("Network.requestWillBeSent", own, tapped)) == 1
    assert len(facts("Network.loadingFinished", {"requestId": "L1"}, tapped)) == 1
    assert facts("Network.loadingFinished", {"requestId": "L1"}, tapped) == []
    assert tapped.browser.passed_over == {WITHOUT_A_REQUEST: 1}


def test_a_document_of_a_frame_outlives_the_process_it_was_asked_for_in() -> None:
    tapped = page()
    frame = page(target_id="F1", type="iframe", browser=tapped.browser)
    own = will_be_sent(requestId="L1", loaderId="L1", type="Document", frameId="F1")
    facts("Network.requestWillBeSent", own, frame)
    assert facts("Target.detachedFromTarget", {"sessionId": "S"}, frame) == []
    only("Network.responseReceived", HEAD, tapped)
    facts("Target.detachedFromTarget", {"sessionId": "S"}, tapped)
    assert len(tapped.browser.requests) == 0


def test_a_preflight_names_the_request_it_is_for() -> None:
    preflight = {"type": "preflight", "url": "http://b.test/x", "requestId": "7"}
    data = only("Network.requestWillBeSent", will_be_sent(initiator=preflight)).data
    assert isinstance(data, NetworkRequest)
    assert data.initiator == Initiator(type="preflight", url="http://b.test/x", request_id="7")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("Network.requestWillBeSent", {"requestId": "1"}),
        ("Network.requestWillBeSent", will_be_sent(request={"url": "/"})),
        ("Network.responseReceived", {"requestId": "1", "response": {"url": "/"}}),
        ("Network.loadingFinished", {}),
        ("Network.loadingFailed", {"requestId": 1}),
    ],
)
def test_a_field_we_need_is_missing(method: str, params: dict[str, Any]) -> None:
    with pytest.raises(msgspec.MsgspecError):
        facts(method, params)

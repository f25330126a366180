"""In whatever order Chromium's two processes are heard, the same is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events.network import NetworkFailed, NetworkFinished, NetworkRequest, NetworkResponse
from tests.support.worker_translate import facts, page
from worker.fact import Fact
from worker.translate import Tapped
from worker.translate.extra_info import MOST_EARLY, MOST_OPEN

Message = tuple[str, dict[str, Any]]

URL = "http://a.test/"


def sent(hop: int, *, redirected: bool = False, announced: bool = True) -> Message:
    params: dict[str, Any] = {"requestId": "1", "timestamp": float(hop)}
    params["request"] = {"url": f"{URL}{hop}", "method": "GET", "headers": {"asked": "for"}}
    if redirected:
        params["redirectResponse"] = {"url": f"{URL}{hop - 1}", "status": 302}
        params["redirectHasExtraInfo"] = announced
    return "Network.requestWillBeSent", params


def sent_extra(hop: int) -> Message:
    headers = {"Cookie": f"hop {hop}"}
    return "Network.requestWillBeSentExtraInfo", {"requestId": "1", "headers": headers}


def received(hop: int, *, announced: bool = True) -> Message:
    response = {"url": f"{URL}{hop}", "status": 200, "headers": {"seen": "by the page"}}
    params = {"requestId": "1", "response": response, "hasExtraInfo": announced}
    return "Network.responseReceived", params


def received_extra(hop: int, status: int) -> Message:
    params = {"requestId": "1", "statusCode": status, "headers": {"Set-Cookie": f"hop {hop}"}}
    return "Network.responseReceivedExtraInfo", params


FINISHED: Message = ("Network.loadingFinished", {"requestId": "1"})
FAILED: Message = ("Network.loadingFailed", {"requestId": "1", "errorText": "net::ERR_FAILED"})

CHAIN = [
    sent(0),
    sent(1, redirected=True),
    sent(2, redirected=True),
    received(2),
    FINISHED,
]
WIRE = [
    sent_extra(0),
    received_extra(0, 302),
    sent_extra(1),
    received_extra(1, 302),
    sent_extra(2),
    received_extra(2, 304),
]


def told(messages: list[Message], tapped: Tapped) -> list[Fact]:
    return [fact for method, params in messages for fact in facts(method, params, tapped)]


def responses(found: list[Fact]) -> list[NetworkResponse]:
    return [fact.data for fact in found if isinstance(fact.data, NetworkResponse)]


@settings(deadline=None)  # the machine may be busy
@given(data=st.data())
def test_a_redirect_chain_in_any_interleaving(data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(CHAIN)), min_size=6, max_size=6).map(sorted))
    messages = [*CHAIN]
    for offset, (place, message) in enumerate(zip(places, WIRE, strict=True)):
        messages.insert(place + offset, message)
    tapped = page()
    found = told(messages, tapped)
    assert [type(fact.data) for fact in found] == [
        NetworkRequest, NetworkResponse, NetworkRequest, NetworkResponse, NetworkRequest,
        NetworkResponse, NetworkFinished,
    ]  # fmt: skip
    for hop, response in enumerate(responses(found)):
        assert response.url == f"{URL}{hop}"
        assert response.headers == {"Set-Cookie": f"hop {hop}"}
        assert response.request_headers == {"Cookie": f"hop {hop}"}
    assert [each.http_status for each in responses(found)] == [302, 302, 200]
    assert responses(found)[2].wire_status == 304
    assert not responses(found)[0].wire_status
    assert len(tapped.browser.requests) == 0
    assert not tapped.browser.requests.waits


def test_a_hop_that_the_network_never_saw_has_none() -> None:
    """An upgrade to https is decided in the browser."""
    tapped = page()
    chain = [sent(0), sent(1, redirected=True, announced=False), sent_extra(1), received(1)]
    first, second = responses(told([*chain, received_extra(1, 200)], tapped))
    assert not first.request_headers
    assert second.request_headers == {"Cookie": "hop 1"}


def test_a_login_asked_for_on_the_way_sends_twice() -> None:
    """After a 401 the same hop goes out again; what answers belongs to what was sent last."""
    found = told(
        [sent(0), sent_extra(7), sent_extra(0), received_extra(0, 200), received(0)], page()
    )
    assert responses(found)[0].request_headers == {"Cookie": "hop 0"}


def test_what_does_not_come_is_waited_for_between_one_sweep_and_two() -> None:
    tapped = page()
    requests = tapped.browser.requests
    assert len(told([sent(0), received(0), FINISHED], tapped)) == 1
    assert (requests.waits, len(requests)) == (True, 1)
    assert requests.sweep() == []
    response, finished = requests.sweep()
    assert isinstance(response.data, NetworkResponse)
    assert response.data.headers == {"seen": "by the page"}
    assert isinstance(finished.data, NetworkFinished)
    assert (requests.waits, len(requests)) == (False, 0)


def test_what_comes_after_all_does_not_go_to_another_hop() -> None:
    tapped = page()
    told([sent(0), sent(1, redirected=True)], tapped)
    tapped.browser.requests.sweep()
    assert len(responses(tapped.browser.requests.sweep())) == 1
    late = [received_extra(0, 302), sent_extra(1), received(1), received_extra(1, 200)]
    (response,) = responses(told(late, tapped))
    assert response.headers == {"Set-Cookie": "hop 1"}


def test_what_waits_is_told_when_its_target_goes() -> None:
    tapped = page()
    told([sent(0), received(0)], tapped)
    response, _closed = facts("Target.detachedFromTarget", {"sessionId": "S"}, tapped)
    assert isinstance(response.data, NetworkResponse)


@pytest.mark.parametrize(
    ("messages", "status", "headers"),
    [
        ([sent(0), FAILED], None, None),
        ([sent(0), sent_extra(0), FAILED], None, {"Cookie": "hop 0"}),
        ([sent(0), FAILED, sent_extra(0)], None, {"Cookie": "hop 0"}),
        ([sent(0), *WIRE[:2], FAILED], 302, {"Cookie": "hop 0"}),
        ([sent(0), FAILED, *WIRE[:2]], 302, {"Cookie": "hop 0"}),
        ([sent(0), sent(1, redirected=True), *WIRE[:4], FAILED], 302, {"Cookie": "hop 1"}),
        ([sent(0), sent(1, redirected=True), FAILED, *WIRE[:4]], 302, {"Cookie": "hop 1"}),
    ],
)
def test_a_failure_tells_what_no_response_told(
    messages: list[Message], status: int | None, headers: dict[str, str] | None
) -> None:
    """Wherever it comes: the failure of a navigation is told before what was on the wire."""
    tapped = page()
    found = told(messages, tapped)
    tapped.browser.requests.sweep()
    failed = [*found, *tapped.browser.requests.sweep()][-1].data
    assert isinstance(failed, NetworkFailed)
    assert (failed.wire_status or None, failed.request_headers or None) == (status, headers)
    assert len(tapped.browser.requests) == 0


def test_a_failure_does_not_repeat_what_the_response_told() -> None:
    chain = [sent(0), sent_extra(0), received_extra(0, 200), received(0), FAILED]
    failed = told(chain, page())[-1].data
    assert isinstance(failed, NetworkFailed)
    assert not failed.request_headers
    assert not failed.wire_status


def test_what_is_remembered_is_bounded() -> None:
    tapped = page()
    requests = tapped.browser.requests
    found = []
    for number in range(MOST_OPEN + 10):
        request = {"url": URL, "method": "GET"}
        params = {"requestId": str(number), "request": request}
        found += facts("Network.requestWillBeSent", params, tapped)
        received = {"requestId": str(number), "hasExtraInfo": True}
        received |= {"response": {"url": URL, "status": 200}}
        found += facts("Network.responseReceived", received, tapped)
    assert len(requests) == MOST_OPEN
    assert len(responses(found)) == 10  # of those forgotten, nothing is lost
    for number in range(MOST_EARLY + 10):
        early = {"requestId": f"early {number}", "headers": {}}
        facts("Network.requestWillBeSentExtraInfo", early, tapped)
    assert len(requests) == MOST_OPEN + MOST_EARLY

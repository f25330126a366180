from __future__ import annotations

from typing import Any

import pytest

from schemas.events.network import Initiator, WebSocketClosed, WebSocketCreated, WebSocketOpened
from tests.support.worker_translate import facts, only, page
from worker.translate import Tapped

CREATED = {"requestId": "1", "url": "ws://a.test/", "initiator": {"type": "script"}}
HANDSHAKE = {"requestId": "1", "timestamp": 1.0, "request": {"headers": {"Upgrade": "websocket"}}}
CLOSED = {"requestId": "1", "timestamp": 2.5}


def opened() -> Tapped:
    tapped = page()
    facts("Network.webSocketCreated", CREATED, tapped)
    facts("Network.webSocketWillSendHandshakeRequest", HANDSHAKE, tapped)
    return tapped


def frame(payload: str, opcode: int = 1) -> dict[str, Any]:
    return {
        "requestId": "1",
        "response": {"opcode": opcode, "mask": True, "payloadData": payload},
    }


def test_from_its_making_to_its_close() -> None:
    tapped = page()
    assert only("Network.webSocketCreated", CREATED, tapped).data == WebSocketCreated(
        request_id="1", url="ws://a.test/", initiator=Initiator(type="script")
    )
    assert facts("Network.webSocketWillSendHandshakeRequest", HANDSHAKE, tapped) == []
    answered = {"requestId": "1", "response": {"status": 101, "headers": {"A": "b"}}}
    opened = only("Network.webSocketHandshakeResponseReceived", answered, tapped)
    assert opened.data == WebSocketOpened(
        request_id="1",
        http_status=101,
        headers={"A": "b"},
        request_headers={"Upgrade": "websocket"},
    )
    closed = only("Network.webSocketClosed", CLOSED, tapped)
    assert (closed.status, closed.duration_ms) == ("finished", 1500)
    assert closed.data == WebSocketClosed(request_id="1", timestamp=2.5)
    assert tapped.browser.sockets == {}


@pytest.mark.parametrize(
    ("payload", "opcode", "size_bytes"),
    [
        ("", 1, 0),
        ("plain", 1, 5),
        ("h\u00e9\u00e9", 1, 5),
        ('a "b"\\\n', 1, 7),
        ("\U0001f3ac", 1, 4),
        ("", 2, 0),
        ("QUJD", 2, 3),
        ("QUI=", 2, 2),
        ("QQ==", 2, 1),
    ],
)
def test_the_bytes_of_a_message(payload: str, opcode: int, size_bytes: int) -> None:
    tapped = opened()
    assert facts("Network.webSocketFrameSent", frame(payload, opcode), tapped) == []
    data = only("Network.webSocketClosed", CLOSED, tapped).data
    assert isinstance(data, WebSocketClosed)
    assert (data.messages_sent, data.bytes_sent) == (1, size_bytes)


def test_messages_are_counted_each_way() -> None:
    tapped = opened()
    facts("Network.webSocketFrameSent", frame("abc"), tapped)
    for _ in range(3):
        facts("Network.webSocketFrameReceived", frame("QUJD", 2), tapped)
    assert only("Network.webSocketClosed", CLOSED, tapped).data == WebSocketClosed(
        request_id="1",
        messages_sent=1,
        messages_received=3,
        bytes_sent=3,
        bytes_received=9,
        timestamp=2.5,
    )


def test_it_fails_and_is_told_to_be_closed_once() -> None:
    tapped = opened()
    error = {"requestId": "1", "errorMessage": "Unexpected response code: 403"}
    assert facts("Network.webSocketFrameError", error, tapped) == []
    fact = only("Network.webSocketClosed", CLOSED, tapped)
    assert isinstance(fact.data, WebSocketClosed)
    assert (fact.status, fact.data.error_text) == ("failed", "Unexpected response code: 403")


def test_it_goes_with_its_page() -> None:
    tapped = opened()
    facts("Network.webSocketFrameSent", frame("abc"), tapped)
    closed, _ = facts("Target.detachedFromTarget", {"sessionId": "S"}, tapped)
    assert closed.data == WebSocketClosed(
        request_id="1", with_target=True, messages_sent=1, bytes_sent=3
    )
    assert tapped.browser.sockets == {}


def test_one_that_was_there_before_us() -> None:
    assert facts("Network.webSocketFrameSent", frame("abc")) == []
    assert only("Network.webSocketClosed", CLOSED).data == WebSocketClosed(
        request_id="1", timestamp=2.5
    )

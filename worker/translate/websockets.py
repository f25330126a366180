"""The Network domain: WebSockets. What goes through one is counted, not kept."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.events.network import WebSocketClosed, WebSocketCreated, WebSocketOpened
from worker.cdp import frames
from worker.fact import Fact
from worker.translate._registry import Params, Socket, Tapped, cdp, duration_ms
from worker.translate.network import CdpInitiator
from worker.translate.requests import initiator_of

TEXT = 1

_text = msgspec.json.Decoder(str)


class CdpWebSocketCreated(Params, frozen=True, kw_only=True):
    """`Network.webSocketCreated`."""

    request_id: str
    url: str
    initiator: CdpInitiator | UnsetType = UNSET


class Handshake(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Network.WebSocketRequest`."""

    headers: dict[str, str] = msgspec.field(default_factory=dict)


class WebSocketWillSendHandshakeRequest(Params, frozen=True, kw_only=True):
    """`Network.webSocketWillSendHandshakeRequest`."""

    request_id: str
    request: Handshake
    timestamp: float | UnsetType = UNSET


class HandshakeResponse(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Network.WebSocketResponse`."""

    status: int
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class WebSocketHandshakeResponseReceived(Params, frozen=True, kw_only=True):
    """`Network.webSocketHandshakeResponseReceived`."""

    request_id: str
    response: HandshakeResponse
    timestamp: float | UnsetType = UNSET


class Frame(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Network.WebSocketFrame`: text as text, anything else as base64. A payload of megabytes stays what it is."""

    opcode: float = TEXT
    payload_data: Raw = Raw(b'""')

    @property
    def payload_bytes(self) -> int:
        """How much of it there was on the wire, without frame headers and before compression."""
        written = bytes(self.payload_data)
        if self.opcode != TEXT:
            return (len(written) - 2) * 3 // 4 - written[-4:].count(b"=")
        if b"\\" not in written:
            return len(written) - 2
        return len(frames.decode(_text, written).encode("utf-8", "surrogatepass"))


class WebSocketFrame(Params, frozen=True, kw_only=True):
    """`Network.webSocketFrameSent` and `Network.webSocketFrameReceived`."""

    request_id: str
    response: Frame


class CdpWebSocketClosed(Params, frozen=True, kw_only=True):
    """`Network.webSocketClosed`."""

    request_id: str
    timestamp: float | UnsetType = UNSET


class WebSocketFrameError(Params, frozen=True, kw_only=True):
    """`Network.webSocketFrameError`."""

    request_id: str
    error_message: str = ""


@cdp("Network.webSocketCreated", CdpWebSocketCreated)
def web_socket_created(params: CdpWebSocketCreated, tapped: Tapped) -> Iterator[Fact]:
    """A page asks for a WebSocket."""
    tapped.browser.sockets[params.request_id] = Socket(tapped=tapped, url=params.url)
    created = WebSocketCreated(
        request_id=params.request_id, url=params.url, initiator=initiator_of(params.initiator)
    )
    yield tapped.fact(created, "started")


@cdp("Network.webSocketWillSendHandshakeRequest", WebSocketWillSendHandshakeRequest)
def web_socket_will_send_handshake_request(
    params: WebSocketWillSendHandshakeRequest, tapped: Tapped
) -> Iterator[Fact]:
    """The handshake goes out; its headers are told with the answer."""
    socket = tapped.browser.sockets.get(params.request_id)
    if socket is not None:
        socket.since = params.timestamp
        socket.request_headers = params.request.headers
    yield from ()


@cdp("Network.webSocketHandshakeResponseReceived", WebSocketHandshakeResponseReceived)
def web_socket_handshake_response_received(
    params: WebSocketHandshakeResponseReceived, tapped: Tapped
) -> Iterator[Fact]:
    """The server answers the handshake."""
    socket = tapped.browser.sockets.get(params.request_id)
    opened = WebSocketOpened(
        request_id=params.request_id,
        http_status=params.response.status,
        headers=params.response.headers,
        request_headers=UNSET if socket is None else socket.request_headers,
        timestamp=params.timestamp,
    )
    yield tapped.fact(opened, "received")


@cdp("Network.webSocketFrameSent", WebSocketFrame)
def web_socket_frame_sent(params: WebSocketFrame, tapped: Tapped) -> Iterator[Fact]:
    """The page sends a message; it is counted."""
    socket = tapped.browser.sockets.get(params.request_id)
    if socket is not None:
        socket.messages_sent += 1
        socket.bytes_sent += params.response.payload_bytes
    yield from ()


@cdp("Network.webSocketFrameReceived", WebSocketFrame)
def web_socket_frame_received(params: WebSocketFrame, tapped: Tapped) -> Iterator[Fact]:
    """The server sends a message; it is counted."""
    socket = tapped.browser.sockets.get(params.request_id)
    if socket is not None:
        socket.messages_received += 1
        socket.bytes_received += params.response.payload_bytes
    yield from ()


@cdp("Network.webSocketFrameError", WebSocketFrameError)
def web_socket_frame_error(params: WebSocketFrameError, tapped: Tapped) -> Iterator[Fact]:
    """A WebSocket fails. That is told when Chromium tells that it is closed, which it does besides."""
    socket = tapped.browser.sockets.get(params.request_id)
    if socket is not None:
        socket.error_text = tapped.browser.causes.true_text(params.error_message, socket.url)
    yield from ()


@cdp("Network.webSocketClosed", CdpWebSocketClosed)
def web_socket_closed(params: CdpWebSocketClosed, tapped: Tapped) -> Iterator[Fact]:
    """A WebSocket is closed."""
    socket = tapped.browser.sockets.pop(params.request_id, None) or Socket(tapped=tapped)
    yield _closed(params.request_id, socket, params.timestamp)


def close_sockets(tapped: Tapped) -> Iterator[Fact]:
    """What held them is gone, and nobody closed them."""
    sockets = tapped.browser.sockets
    for request_id in [each for each, socket in sockets.items() if socket.tapped is tapped]:
        yield _closed(request_id, sockets.pop(request_id), UNSET, with_target=True)


def _closed(
    request_id: str, socket: Socket, at: float | UnsetType, *, with_target: bool = False
) -> Fact:
    closed = WebSocketClosed(
        request_id=request_id,
        error_text=socket.error_text,
        with_target=with_target,
        messages_sent=socket.messages_sent,
        messages_received=socket.messages_received,
        bytes_sent=socket.bytes_sent,
        bytes_received=socket.bytes_received,
        timestamp=at,
    )
    status = "finished" if isinstance(socket.error_text, UnsetType) else "failed"
    return socket.tapped.fact(closed, status, duration_ms(socket.since, at))

"""The Network domain: requests, their answers and failures, WebSockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from schemas.events.network import (
    Initiator,
    NetworkFailed,
    NetworkFinished,
    NetworkRequest,
    NetworkResponse,
    WebSocketClosed,
    WebSocketCreated,
    WebSocketOpened,
)
from worker.fact import Fact
from worker.translate._registry import Params, Tapped, cdp, is_internal


class CdpInitiator(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Network.Initiator`."""

    type: str
    url: str = ""
    line_number: float | UnsetType = UNSET


class PostDataEntry(Struct, frozen=True, kw_only=True):
    """`Network.PostDataEntry`: base64."""

    bytes: str = ""


class Request(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Network.Request`."""

    url: str
    method: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    url_fragment: str = ""
    has_post_data: bool = False
    post_data: str | UnsetType = UNSET
    post_data_entries: tuple[PostDataEntry, ...] = ()


class Response(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Network.Response`."""

    url: str
    status: int
    status_text: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    mime_type: str = ""
    protocol: str = ""
    remote_i_p_address: str = ""
    remote_port: int | UnsetType = UNSET
    from_disk_cache: bool = False
    from_service_worker: bool = False
    from_prefetch_cache: bool = False
    encoded_data_length: float = 0
    timing: dict[str, Any] | UnsetType = UNSET


class RequestWillBeSent(Params, frozen=True, kw_only=True):
    """`Network.requestWillBeSent`."""

    request_id: str
    request: Request
    loader_id: str = ""
    document_u_r_l: str = ""
    type: str = "Other"
    timestamp: float | UnsetType = UNSET
    wall_time: float | UnsetType = UNSET
    initiator: CdpInitiator | UnsetType = UNSET
    frame_id: str | UnsetType = UNSET
    redirect_response: Response | UnsetType = UNSET


class ResponseReceived(Params, frozen=True, kw_only=True):
    """`Network.responseReceived`."""

    request_id: str
    response: Response
    type: str = "Other"
    timestamp: float | UnsetType = UNSET


class LoadingFinished(Params, frozen=True, kw_only=True):
    """`Network.loadingFinished`."""

    request_id: str
    timestamp: float | UnsetType = UNSET
    encoded_data_length: float = 0


class CorsErrorStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Network.CorsErrorStatus`."""

    cors_error: str


class LoadingFailed(Params, frozen=True, kw_only=True):
    """`Network.loadingFailed`."""

    request_id: str
    error_text: str = ""
    type: str = "Other"
    timestamp: float | UnsetType = UNSET
    canceled: bool = False
    blocked_reason: str | UnsetType = UNSET
    cors_error_status: CorsErrorStatus | UnsetType = UNSET


class CdpWebSocketCreated(Params, frozen=True, kw_only=True):
    """`Network.webSocketCreated`."""

    request_id: str
    url: str
    initiator: CdpInitiator | UnsetType = UNSET


class HandshakeResponse(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Network.WebSocketResponse`."""

    status: int
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class WebSocketHandshakeResponseReceived(Params, frozen=True, kw_only=True):
    """`Network.webSocketHandshakeResponseReceived`."""

    request_id: str
    response: HandshakeResponse
    timestamp: float | UnsetType = UNSET


class CdpWebSocketClosed(Params, frozen=True, kw_only=True):
    """`Network.webSocketClosed`."""

    request_id: str
    timestamp: float | UnsetType = UNSET


class WebSocketFrameError(Params, frozen=True, kw_only=True):
    """`Network.webSocketFrameError`."""

    request_id: str
    error_message: str = ""
    timestamp: float | UnsetType = UNSET


@cdp("Network.requestWillBeSent", RequestWillBeSent)
def request_will_be_sent(params: RequestWillBeSent, tapped: Tapped) -> Iterator[Fact]:
    """A request goes out. One that follows a redirect carries the redirect's response, told first."""
    if is_internal(params.request.url) or is_internal(params.document_u_r_l):
        tapped.browsers_own.add(params.request_id)
        return
    redirected = params.redirect_response
    if redirected:
        yield tapped.fact(
            _response(params.request_id, redirected, params.type, params.timestamp, redirect=True),
            "received",
        )
    request = params.request
    sent = NetworkRequest(
        request_id=params.request_id,
        method=request.method,
        url=request.url + request.url_fragment,
        resource_type=params.type,
        frame_id=params.frame_id,
        loader_id=params.loader_id or UNSET,
        document_url=params.document_u_r_l,
        initiator=_initiator(params.initiator),
        headers=request.headers,
        post_data_bytes=_post_data_bytes(request),
        redirect=bool(redirected),
        worker=tapped.is_worker,
        timestamp=params.timestamp,
        wall_time=params.wall_time,
    )
    yield tapped.fact(sent, "started")


@cdp("Network.responseReceived", ResponseReceived)
def response_received(params: ResponseReceived, tapped: Tapped) -> Iterator[Fact]:
    """The head of a response arrives."""
    if params.request_id not in tapped.browsers_own:
        yield tapped.fact(
            _response(params.request_id, params.response, params.type, params.timestamp),
            "received",
        )


@cdp("Network.loadingFinished", LoadingFinished)
def loading_finished(params: LoadingFinished, tapped: Tapped) -> Iterator[Fact]:
    """The rest of a response arrives."""
    if _was_browsers_own(params.request_id, tapped):
        return
    finished = NetworkFinished(
        request_id=params.request_id,
        encoded_bytes=max(0, int(params.encoded_data_length)),  # CDP writes −1 for blob: URLs
        timestamp=params.timestamp,
    )
    yield tapped.fact(finished, "finished")


@cdp("Network.loadingFailed", LoadingFailed)
def loading_failed(params: LoadingFailed, tapped: Tapped) -> Iterator[Fact]:
    """A request comes to nothing."""
    if _was_browsers_own(params.request_id, tapped):
        return
    if params.type == "Document":
        tapped.browsers_own.add(params.request_id)  # the error page goes on under its id
    cors = params.cors_error_status
    failed = NetworkFailed(
        request_id=params.request_id,
        error_text=params.error_text,
        resource_type=params.type,
        canceled=params.canceled,
        blocked_reason=params.blocked_reason,
        cors_error=cors.cors_error if cors else UNSET,
        timestamp=params.timestamp,
    )
    yield tapped.fact(failed, "failed")


@cdp("Network.webSocketCreated", CdpWebSocketCreated)
def web_socket_created(params: CdpWebSocketCreated, tapped: Tapped) -> Iterator[Fact]:
    """A page asks for a WebSocket."""
    created = WebSocketCreated(
        request_id=params.request_id, url=params.url, initiator=_initiator(params.initiator)
    )
    yield tapped.fact(created, "started")


@cdp("Network.webSocketHandshakeResponseReceived", WebSocketHandshakeResponseReceived)
def web_socket_handshake_response_received(
    params: WebSocketHandshakeResponseReceived, tapped: Tapped
) -> Iterator[Fact]:
    """The server answers the handshake."""
    opened = WebSocketOpened(
        request_id=params.request_id,
        http_status=params.response.status,
        headers=params.response.headers,
        timestamp=params.timestamp,
    )
    yield tapped.fact(opened, "received")


@cdp("Network.webSocketClosed", CdpWebSocketClosed)
def web_socket_closed(params: CdpWebSocketClosed, tapped: Tapped) -> Iterator[Fact]:
    """A WebSocket is closed."""
    closed = WebSocketClosed(request_id=params.request_id, timestamp=params.timestamp)
    yield tapped.fact(closed, "finished")


@cdp("Network.webSocketFrameError", WebSocketFrameError)
def web_socket_frame_error(params: WebSocketFrameError, tapped: Tapped) -> Iterator[Fact]:
    """A WebSocket fails; Chromium tells that it is closed besides."""
    closed = WebSocketClosed(
        request_id=params.request_id, error_text=params.error_message, timestamp=params.timestamp
    )
    yield tapped.fact(closed, "failed")


def _was_browsers_own(request_id: str, tapped: Tapped) -> bool:
    """Whether a request that is over now was the browser's own."""
    if request_id not in tapped.browsers_own:
        return False
    tapped.browsers_own.discard(request_id)
    return True


def _response(
    request_id: str,
    response: Response,
    resource_type: str,
    timestamp: float | UnsetType,
    *,
    redirect: bool = False,
) -> NetworkResponse:
    return NetworkResponse(
        request_id=request_id,
        url=response.url,
        http_status=response.status,
        status_text=response.status_text,
        mime_type=response.mime_type,
        resource_type=resource_type,
        protocol=response.protocol,
        remote_address=response.remote_i_p_address,
        remote_port=response.remote_port,
        headers=response.headers,
        from_disk_cache=response.from_disk_cache,
        from_service_worker=response.from_service_worker,
        from_prefetch_cache=response.from_prefetch_cache,
        redirect=redirect,
        encoded_bytes=int(response.encoded_data_length),
        timing=_timing(response.timing),
        timestamp=timestamp,
    )


def _timing(timing: dict[str, Any] | UnsetType) -> dict[str, float] | UnsetType:
    """The phases that took place: CDP writes −1 for those that did not."""
    if not timing:
        return UNSET
    return {
        name: value
        for name, value in timing.items()
        if isinstance(value, (int, float)) and value >= 0
    }


def _initiator(initiator: CdpInitiator | UnsetType) -> Initiator | UnsetType:
    if not initiator:
        return UNSET
    line = initiator.line_number
    return Initiator(
        type=initiator.type,
        url=initiator.url,
        line_number=UNSET if isinstance(line, UnsetType) else int(line),
    )


def _post_data_bytes(request: Request) -> int | UnsetType:
    """The size of a request's body; the body itself is not recorded."""
    if not request.has_post_data:
        return UNSET
    if request.post_data_entries:
        return sum(_decoded_size(entry.bytes) for entry in request.post_data_entries)
    if isinstance(request.post_data, str):
        return len(request.post_data.encode("utf-8", "replace"))
    return UNSET


def _decoded_size(base64: str) -> int:
    return len(base64) * 3 // 4 - base64.count("=")

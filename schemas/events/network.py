"""Requests and WebSockets, as CDP's Network domain sees them. Events of one request share `request_id`."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from ..types import Headers, Text, Title, Url
from ._registry import EventData, event


class Initiator(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What made the request (`Network.Initiator`)."""

    type: str
    url: Url = ""
    line_number: int | UnsetType = UNSET


@event("network.request", category="network")
class NetworkRequest(EventData, frozen=True, kw_only=True):
    """A request is about to be sent (`Network.requestWillBeSent`).

    After a redirect CDP keeps the request id: a second event with the same id follows, marked `redirect`.
    `timestamp` is Chromium's monotonic clock in seconds; `wall_time` is seconds since 1970 by the host's clock.
    """

    request_id: str
    method: str
    url: Url
    resource_type: str = "Other"
    frame_id: str | UnsetType = UNSET
    loader_id: str | UnsetType = UNSET
    document_url: Url = ""
    initiator: Initiator | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    post_data_bytes: int | UnsetType = UNSET
    redirect: bool = False
    worker: bool = False
    timestamp: float | UnsetType = UNSET
    wall_time: float | UnsetType = UNSET


@event("network.response", category="network")
class NetworkResponse(EventData, frozen=True, kw_only=True):
    """The head of a response has arrived (`Network.responseReceived`, or the response of a redirect)."""

    request_id: str
    url: Url
    http_status: int
    status_text: Title = ""
    mime_type: str = ""
    resource_type: str = "Other"
    protocol: str = ""
    remote_address: str = ""
    remote_port: int | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    from_disk_cache: bool = False
    from_service_worker: bool = False
    from_prefetch_cache: bool = False
    redirect: bool = False
    encoded_bytes: int | UnsetType = UNSET
    timing: dict[str, float] | UnsetType = UNSET
    timestamp: float | UnsetType = UNSET


@event("network.finished", category="network")
class NetworkFinished(EventData, frozen=True, kw_only=True):
    """All of a response has arrived (`Network.loadingFinished`). `encoded_bytes` is what crossed the wire."""

    request_id: str
    encoded_bytes: int = 0
    timestamp: float | UnsetType = UNSET


@event("network.failed", category="network")
class NetworkFailed(EventData, frozen=True, kw_only=True):
    """A request came to nothing (`Network.loadingFailed`). `error_text` is Chromium's `net::ERR_…`."""

    request_id: str
    error_text: Text
    resource_type: str = "Other"
    canceled: bool = False
    blocked_reason: str | UnsetType = UNSET
    cors_error: str | UnsetType = UNSET
    timestamp: float | UnsetType = UNSET


@event("network.websocket.opened", category="network")
class WebSocketOpened(EventData, frozen=True, kw_only=True):
    """A WebSocket's handshake was answered (`Network.webSocketHandshakeResponseReceived`)."""

    request_id: str
    http_status: int
    headers: Headers | UnsetType = UNSET
    timestamp: float | UnsetType = UNSET


@event("network.websocket.created", category="network")
class WebSocketCreated(EventData, frozen=True, kw_only=True):
    """A page asks for a WebSocket (`Network.webSocketCreated`)."""

    request_id: str
    url: Url
    initiator: Initiator | UnsetType = UNSET


@event("network.websocket.closed", category="network")
class WebSocketClosed(EventData, frozen=True, kw_only=True):
    """A WebSocket is closed (`Network.webSocketClosed`), or failed with `error_text`."""

    request_id: str
    error_text: Text | UnsetType = UNSET
    timestamp: float | UnsetType = UNSET

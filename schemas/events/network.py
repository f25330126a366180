"""Requests and WebSockets, as CDP's Network domain sees them. Events of one request share `request_id`."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from ..types import Headers, Text, Title, Url
from ._registry import EventData, event


class Initiator(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What made the request (`Network.Initiator`). A preflight names the `request_id` it was sent for."""

    type: str
    url: Url = ""
    line_number: int | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


@event("network.request", category="network")
class NetworkRequest(EventData, frozen=True, kw_only=True):
    """A request is about to be sent (`Network.requestWillBeSent`).

    After a redirect CDP keeps the request id: a second event with the same id follows, marked `redirect`.
    `headers` are those the page asked for; what was really sent stands in the response (`request_headers`).
    `timestamp` is Chromium's monotonic clock in seconds; `wall_time` is seconds since 1970 by the host's clock.

    `reconstructed`: a document that a new page asked for before anyone could listen to it (many popups at once). It was
    asked for; frame, loader and `url` (after a redirect the last one) are told by its navigation and its answer, and
    `timestamp`, where there is one, is when it was sent. Headers, initiator and redirects are not known, `method` is
    empty unless the headers on the wire tell it.
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
    reconstructed: bool = False
    worker: bool = False
    timestamp: float | UnsetType = UNSET
    wall_time: float | UnsetType = UNSET


@event("network.response", category="network")
class NetworkResponse(EventData, frozen=True, kw_only=True):
    """The head of a response has arrived (`Network.responseReceived`, or the response of a redirect).

    `http_status` is what the page saw; `wire_status` is what the server said, where that was another (304 for a body
    that came from the cache after all). `headers` are the server's where it was asked, with what pages may not see;
    `request_headers` those that were really sent (`Network.…ExtraInfo`). `timing` is CDP's `ResourceTiming`:
    `requestTime` in seconds of Chromium's monotonic clock, the phases in milliseconds after it.
    """

    request_id: str
    url: Url
    http_status: int
    wire_status: int | UnsetType = UNSET
    status_text: Title = ""
    mime_type: str = ""
    resource_type: str = "Other"
    protocol: str = ""
    remote_address: str = ""
    remote_port: int | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    request_headers: Headers | UnsetType = UNSET
    from_memory_cache: bool = False
    from_disk_cache: bool = False
    from_service_worker: bool = False
    from_prefetch_cache: bool = False
    redirect: bool = False
    encoded_bytes: int | UnsetType = UNSET
    timing: dict[str, float] | UnsetType = UNSET
    timestamp: float | UnsetType = UNSET


@event("network.finished", category="network")
class NetworkFinished(EventData, frozen=True, kw_only=True):
    """All of a response has arrived (`Network.loadingFinished`).

    `encoded_bytes` is what crossed the wire, head included; `decoded_bytes` is the body as the page got it. The
    envelope's `durationms` counts from the request's event, after a redirect from the last hop's.
    """

    request_id: str
    encoded_bytes: int = 0
    decoded_bytes: int = 0
    timestamp: float | UnsetType = UNSET


@event("network.failed", category="network")
class NetworkFailed(EventData, frozen=True, kw_only=True):
    """A request came to nothing (`Network.loadingFailed`). `error_text` is Chromium's `net::ERR_…`; `url` is that
    of its last hop.

    `decoded_bytes` is what had come of the body. Where the server had answered and the page was not shown that (it
    broke CORS, redirected to where it must not, or the page did not wait), there is no `network.response`, and
    `wire_status`, `headers` and `request_headers` say here what was on the wire; `request_headers` also where there was
    no answer.
    """

    request_id: str
    error_text: Text
    url: Url = ""
    resource_type: str = "Other"
    wire_status: int | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    request_headers: Headers | UnsetType = UNSET
    decoded_bytes: int = 0
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
    request_headers: Headers | UnsetType = UNSET
    timestamp: float | UnsetType = UNSET


@event("network.websocket.created", category="network")
class WebSocketCreated(EventData, frozen=True, kw_only=True):
    """A page asks for a WebSocket (`Network.webSocketCreated`)."""

    request_id: str
    url: Url
    initiator: Initiator | UnsetType = UNSET


@event("network.websocket.closed", category="network")
class WebSocketClosed(EventData, frozen=True, kw_only=True):
    """A WebSocket is closed (`Network.webSocketClosed`), failed with `error_text`, or went with its page.

    Messages and bytes (of payload) are counted each way. `with_target`: nobody closed it, what held it is gone.
    """

    request_id: str
    error_text: Text | UnsetType = UNSET
    with_target: bool = False
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    timestamp: float | UnsetType = UNSET

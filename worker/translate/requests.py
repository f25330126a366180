"""The Network domain: requests, their answers and failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from schemas.events.network import (
    Initiator,
    NetworkFailed,
    NetworkFinished,
    NetworkRequest,
    NetworkResponse,
)
from worker.egress.causes import REFUSED
from worker.fact import Fact
from worker.translate._registry import (
    INTERNAL_REQUESTS,
    WITHOUT_A_REQUEST,
    Tapped,
    cdp,
    duration_ms,
    is_internal,
)
from worker.translate.extra_info import Request
from worker.translate.navigations import (
    Frame,
    navigation_asked_for,
    navigation_failed,
    navigation_found,
    navigation_not_asked_for,
    navigation_redirected,
)
from worker.translate.network import (
    CdpInitiator,
    CdpRequest,
    DataReceived,
    LoadingFailed,
    LoadingFinished,
    RequestServedFromCache,
    RequestWillBeSent,
    RequestWillBeSentExtraInfo,
    Response,
    ResponseReceived,
    ResponseReceivedExtraInfo,
)


@cdp("Network.requestWillBeSent", RequestWillBeSent)
def request_will_be_sent(params: RequestWillBeSent, tapped: Tapped) -> Iterator[Fact]:
    """A request goes out. One that follows a redirect carries the redirect's response, told first."""
    requests = tapped.browser.requests
    yield from requests.make_room()
    request = requests.find(params.request_id)
    redirected = params.redirect_response
    if request is None:
        request = requests.begin(params.request_id, tapped.target_id, params.timestamp)
    if redirected:
        yield from _redirect(params, redirected, request, tapped)
    request.next_hop(_url(params.request), params.timestamp)
    if is_internal(params.request.url) or is_internal(params.document_u_r_l):
        request.browsers_own = True
        tapped.browser.passed_over[INTERNAL_REQUESTS] += 1
        return
    request.document = params.type == "Document" and params.request_id == params.loader_id
    if request.document and not redirected:
        yield from _document(params, tapped)
    yield from request.tell(tapped.fact(_request(params, tapped), "started"))
    requests.settle(request)


def _document(params: RequestWillBeSent, tapped: Tapped) -> Iterator[Fact]:
    """A frame's next document; the loads of a page are timed from here."""
    if params.frame_id == tapped.page_id:
        tapped.since = params.timestamp
    if isinstance(params.frame_id, str):
        url = _url(params.request)
        yield from navigation_asked_for(params.frame_id, params.loader_id, url, tapped)


def _redirect(
    params: RequestWillBeSent, redirected: Response, request: Request, tapped: Tapped
) -> Iterator[Fact]:
    answer = _response(params.request_id, redirected, params.type, tapped, params.timestamp)
    answer = msgspec.structs.replace(answer, redirect=True)
    yield from request.tell(tapped.fact(answer, "received"), waits=params.redirect_has_extra_info)
    if params.request_id == params.loader_id and isinstance(params.frame_id, str):
        yield from navigation_redirected(params.frame_id, _url(params.request), tapped)


def _request(params: RequestWillBeSent, tapped: Tapped) -> NetworkRequest:
    request = params.request
    return NetworkRequest(
        request_id=params.request_id,
        method=request.method,
        url=_url(request),
        resource_type=params.type,
        frame_id=params.frame_id,
        loader_id=params.loader_id or UNSET,
        document_url=params.document_u_r_l,
        initiator=initiator_of(params.initiator),
        headers=request.headers,
        post_data_bytes=_post_data_bytes(request),
        redirect=bool(params.redirect_response),
        worker=tapped.is_worker,
        timestamp=params.timestamp,
        wall_time=params.wall_time,
    )


def _url(request: CdpRequest) -> str:
    return request.url + request.url_fragment


def _reconstructed(
    request_id: str, tapped: Tapped, answer: ResponseReceived | None = None
) -> Iterator[Fact]:
    """The request for a document that Chromium tells of and did not tell to be sent.

    A popup may be on its way before anyone can listen to it; where it goes, or came from, is told all the same.
    """
    requests = tapped.browser.requests
    if requests.find(request_id) is not None:
        return
    frame_id, url = navigation_not_asked_for(request_id, tapped)
    if answer is not None and _is_a_documents(answer):
        frame_id = answer.frame_id
        # After redirects, which were not told, it came from elsewhere.
        url = url if url.partition("#")[0] == answer.response.url else answer.response.url
    if not url:
        return
    yield from requests.make_room()
    request = requests.begin(request_id, tapped.target_id, _asked_at(answer))
    request.document, request.url = True, url
    data = NetworkRequest(
        request_id=request_id,
        method=request.method,
        url=url,
        resource_type="Document",
        frame_id=frame_id,
        loader_id=request_id,
        reconstructed=True,
        timestamp=request.since,
    )
    yield from request.tell(tapped.fact(data, "started"))


def _is_a_documents(answer: ResponseReceived) -> bool:
    return answer.request_id == answer.loader_id and not is_internal(answer.response.url)


def _asked_at(answer: ResponseReceived | None) -> float | UnsetType:
    timing = answer.response.timing if answer is not None else UNSET
    at = timing.get("requestTime") if timing else None
    return at if isinstance(at, float) else UNSET


def document_found(frame: Frame, tapped: Tapped) -> Iterator[Fact]:
    """What a page shows when it is first listened to: where it got to by then is told now, and that it asked."""
    told = list(navigation_found(frame, tapped))
    if told:
        yield from _reconstructed(frame.loader_id, tapped)
    yield from told


@cdp("Network.requestWillBeSentExtraInfo", RequestWillBeSentExtraInfo)
def request_will_be_sent_extra_info(
    params: RequestWillBeSentExtraInfo, tapped: Tapped
) -> Iterator[Fact]:
    """The headers of a request as they were sent."""
    tapped.browser.requests.known(params.request_id).hear_sent(params.headers)
    yield from ()


@cdp("Network.responseReceivedExtraInfo", ResponseReceivedExtraInfo)
def response_received_extra_info(
    params: ResponseReceivedExtraInfo, tapped: Tapped
) -> Iterator[Fact]:
    """The head of a response as it arrived."""
    requests = tapped.browser.requests
    request = requests.known(params.request_id)
    yield from request.hear_answer(params.status_code, params.headers)
    requests.settle(request)


@cdp("Network.requestServedFromCache", RequestServedFromCache)
def request_served_from_cache(params: RequestServedFromCache, tapped: Tapped) -> Iterator[Fact]:
    """The page had it in memory already; nothing was asked for."""
    request = tapped.browser.requests.find(params.request_id)
    if request is not None:
        request.from_memory_cache = True
    yield from ()


@cdp("Network.responseReceived", ResponseReceived)
def response_received(params: ResponseReceived, tapped: Tapped) -> Iterator[Fact]:
    """The head of a response arrives. One from memory repeats the announcement of its first time, which is void now."""
    requests = tapped.browser.requests
    yield from _reconstructed(params.request_id, tapped, params)
    request = _told(params.request_id, tapped)
    if request is None or request.browsers_own:
        return
    in_memory = request.from_memory_cache
    response = _response(
        params.request_id,
        params.response,
        params.type,
        tapped,
        params.timestamp,
        from_memory_cache=in_memory,
    )
    request.answered = True
    yield from request.tell(
        tapped.fact(response, "received"), waits=params.has_extra_info and not in_memory
    )
    requests.settle(request)


def _told(request_id: str, tapped: Tapped) -> Request | None:
    """The request that an answer or an end belongs to; without one it is none, and counted."""
    request = tapped.browser.requests.find(request_id)
    if request is None:
        tapped.browser.passed_over[WITHOUT_A_REQUEST] += 1
    return request


@cdp("Network.dataReceived", DataReceived)
def data_received(params: DataReceived, tapped: Tapped) -> Iterator[Fact]:
    """A piece of a body arrives; it is counted."""
    yield from _reconstructed(params.request_id, tapped)
    request = tapped.browser.requests.find(params.request_id)
    if request is not None:
        request.decoded_bytes += params.data_length


@cdp("Network.loadingFinished", LoadingFinished)
def loading_finished(params: LoadingFinished, tapped: Tapped) -> Iterator[Fact]:
    """The rest of a response arrives."""
    yield from _reconstructed(params.request_id, tapped)
    request = _told(params.request_id, tapped)
    if request is None:
        return
    request.over = True
    if not request.browsers_own:
        finished = NetworkFinished(
            request_id=params.request_id,
            encoded_bytes=max(0, int(params.encoded_data_length)),  # CDP writes −1 for blob: URLs
            decoded_bytes=request.decoded_bytes,
            timestamp=params.timestamp,
        )
        took = duration_ms(request.since, params.timestamp)
        yield from request.tell(tapped.fact(finished, "finished", took))
    tapped.browser.requests.settle(request)


@cdp("Network.loadingFailed", LoadingFailed)
def loading_failed(params: LoadingFailed, tapped: Tapped) -> Iterator[Fact]:
    """A request comes to nothing. A document's may come to an error page, which goes on under its id."""
    yield from _reconstructed(params.request_id, tapped)
    request = _told(params.request_id, tapped)
    if request is None:
        return
    request.over = not request.document or params.canceled
    error_text = _true_cause(params, request, tapped)
    if not request.browsers_own:
        failed = tapped.fact(
            _failed(params, error_text, request),
            "failed",
            duration_ms(request.since, params.timestamp),
        )
        yield from request.tell(
            failed, waits=not request.answered and _may_be_answered(params, error_text)
        )
    request.browsers_own = not request.over
    tapped.browser.requests.settle(request)
    if request.document:
        yield from navigation_failed(params.request_id, error_text, tapped, ended=params.canceled)


def _true_cause(params: LoadingFailed, request: Request, tapped: Tapped) -> str:
    """Why it failed; clients are told the same."""
    causes = tapped.browser.causes
    text = causes.true_text(params.error_text, request.url)
    if text != params.error_text:
        causes.told(request.id, text)
    return text


# Why no server can have answered.
_NOT_SENT = tuple(
    f"net::ERR_{each}"
    for each in (
        "ADDRESS_", "BLOCKED_BY_CLIENT", "CERT_", "CONNECTION_REFUSED", "CONNECTION_TIMED_OUT",
        "INTERNET_DISCONNECTED", "NAME_", "PROXY_", "SSL_", "TUNNEL_", "UNKNOWN_URL_SCHEME", "UNSAFE_PORT",
    )
)  # fmt: skip
_BLOCKED_BEFORE = frozenset({"csp", "inspector", "mixed-content"})


def _may_be_answered(params: LoadingFailed, error_text: str) -> bool:
    """Whether a failed request may have been on the wire."""
    cors = params.cors_error_status
    return not (
        error_text.startswith((REFUSED, *_NOT_SENT))
        or params.blocked_reason in _BLOCKED_BEFORE
        or (cors and cors.cors_error.startswith("Preflight"))
    )


def _failed(params: LoadingFailed, error_text: str, request: Request) -> NetworkFailed:
    cors = params.cors_error_status
    return NetworkFailed(
        request_id=params.request_id,
        error_text=error_text,
        url=request.url,
        resource_type=params.type,
        decoded_bytes=request.decoded_bytes,
        canceled=params.canceled,
        blocked_reason=params.blocked_reason,
        cors_error=cors.cors_error if cors else UNSET,
        timestamp=params.timestamp,
    )


def _response(
    request_id: str,
    response: Response,
    resource_type: str,
    tapped: Tapped,
    timestamp: float | UnsetType,
    *,
    from_memory_cache: bool = False,
) -> NetworkResponse:
    address, port = tapped.browser.causes.address_of(
        response.url, response.remote_i_p_address, response.remote_port or 0
    )
    return NetworkResponse(
        request_id=request_id,
        url=response.url,
        http_status=response.status,
        status_text=response.status_text,
        mime_type=response.mime_type,
        resource_type=resource_type,
        protocol=response.protocol,
        remote_address=address,
        remote_port=port or UNSET,
        headers=response.headers,
        from_memory_cache=from_memory_cache,
        from_disk_cache=response.from_disk_cache,
        from_service_worker=response.from_service_worker,
        from_prefetch_cache=response.from_prefetch_cache,
        encoded_bytes=max(0, int(response.encoded_data_length)),
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


def initiator_of(initiator: CdpInitiator | UnsetType) -> Initiator | UnsetType:
    """What made a request, without its stack."""
    if not initiator:
        return UNSET
    line = initiator.line_number
    return Initiator(
        type=initiator.type,
        url=initiator.url,
        line_number=UNSET if isinstance(line, UnsetType) else int(line),
        request_id=initiator.request_id,
    )


def _post_data_bytes(request: CdpRequest) -> int | UnsetType:
    """The size of a request's body, where all of it was told; the body itself is not recorded."""
    if not request.has_post_data:
        return UNSET
    if request.post_data_entries:
        parts = [entry.bytes for entry in request.post_data_entries]
        known = [part for part in parts if isinstance(part, str)]
        return sum(map(_decoded_size, known)) if len(known) == len(parts) else UNSET
    if isinstance(request.post_data, str):
        return len(request.post_data.encode("utf-8", "replace"))
    return UNSET


def _decoded_size(base64: str) -> int:
    return len(base64) * 3 // 4 - base64.count("=")

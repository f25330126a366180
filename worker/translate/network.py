"""What the Network domain says of requests, as far as we read it."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from worker.translate._registry import Params


class CdpInitiator(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Network.Initiator`."""

    type: str
    url: str = ""
    line_number: float | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


class PostDataEntry(Struct, frozen=True, kw_only=True):
    """`Network.PostDataEntry`: base64; none for a file or a blob, which is not read here."""

    bytes: str | UnsetType = UNSET


class CdpRequest(Struct, frozen=True, kw_only=True, rename="camel"):
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
    request: CdpRequest
    loader_id: str = ""
    document_u_r_l: str = ""
    type: str = "Other"
    timestamp: float | UnsetType = UNSET
    wall_time: float | UnsetType = UNSET
    initiator: CdpInitiator | UnsetType = UNSET
    frame_id: str | UnsetType = UNSET
    redirect_has_extra_info: bool = False
    redirect_response: Response | UnsetType = UNSET


class RequestWillBeSentExtraInfo(Params, frozen=True, kw_only=True):
    """`Network.requestWillBeSentExtraInfo`."""

    request_id: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class RequestServedFromCache(Params, frozen=True, kw_only=True):
    """`Network.requestServedFromCache`."""

    request_id: str


class ResponseReceived(Params, frozen=True, kw_only=True):
    """`Network.responseReceived`."""

    request_id: str
    response: Response
    type: str = "Other"
    loader_id: str = ""
    frame_id: str | UnsetType = UNSET
    timestamp: float | UnsetType = UNSET
    has_extra_info: bool = False


class ResponseReceivedExtraInfo(Params, frozen=True, kw_only=True):
    """`Network.responseReceivedExtraInfo`."""

    request_id: str
    status_code: int
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class DataReceived(Params, frozen=True, kw_only=True):
    """`Network.dataReceived`."""

    request_id: str
    data_length: int = 0


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

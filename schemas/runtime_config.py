"""How a runtime's browser is set up: as a request says it, as CONTROL keeps it, and as an answer shows it.

The three differ in the proxy's password only: clear in a request, sealed (`schemas.sealing`) on CONTROL and on its way
to a worker, absent from every answer. They are types of their own, so that one cannot be taken for another.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from .types import whole

LONGEST_SECONDS = 30 * 24 * 3600

# CDP's own names (`Network.ResourceType`), in lower case.
ResourceType = Literal[
    "document", "stylesheet", "image", "media", "font", "script", "xhr", "fetch", "eventsource",
    "websocket", "manifest", "texttrack", "ping", "other",
]  # fmt: skip
Seconds = Annotated[int, Meta(ge=1, le=LONGEST_SECONDS)]
# A URL in which `*` stands for anything, as CDP's `Network.setBlockedURLs` and `Fetch.RequestPattern` take it.
UrlPattern = Annotated[str, Meta(min_length=1, max_length=2048)]
UrlPatterns = Annotated[list[UrlPattern], Meta(max_length=1000)]
Locale = Annotated[str, Meta(pattern=whole(r"[A-Za-z0-9-]{2,35}"))]
Timezone = Annotated[str, Meta(pattern=whole(r"[A-Za-z0-9_+/-]{1,64}"))]
UserAgent = Annotated[str, Meta(pattern=whole(r"[ -~]{1,1024}"))]
Label = Annotated[str, Meta(pattern=whole(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}"))]
Labels = Annotated[dict[Label, Label], Meta(max_length=32)]


class Viewport(Struct, frozen=True, kw_only=True, rename="camel"):
    """The size of a page in CSS pixels."""

    width: Annotated[int, Meta(ge=1, le=10_000)] = 1280
    height: Annotated[int, Meta(ge=1, le=10_000)] = 800


class NetworkTraffic(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a browser may load. With an allow-list, only what fits it; what fits the block-list never."""

    block_resource_types: list[ResourceType] = []
    url_allowlist: UrlPatterns = []
    url_blocklist: UrlPatterns = []


class Record(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What goes into the log beside what always does.

    `input_text`: what clients type. `headers`: the values of headers that are secrets. `cdp`: of what clients do over
    CDP the methods that act, or all of them.
    """

    input_text: bool = False
    headers: bool = False
    cdp: Literal["acting", "all"] = "acting"


class ConfigFields(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the three forms share. What is left out is Chromium's default, or the worker's.

    `profile`: keep cookies, storage and logins; a runtime that names none keeps one of its own. `host_labels`: only a
    worker that carries all of them may run it. `recording`: whether its runs are filmed.
    """

    profile: bool | UnsetType = UNSET
    idle_timeout_seconds: Seconds | UnsetType = UNSET
    max_duration_seconds: Seconds | UnsetType = UNSET
    viewport: Viewport | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET
    timezone: Timezone | UnsetType = UNSET
    user_agent: UserAgent | UnsetType = UNSET
    network_traffic: NetworkTraffic | UnsetType = UNSET
    recording: bool | UnsetType = UNSET
    record: Record | UnsetType = UNSET
    host_labels: Labels | UnsetType = UNSET


ProxyServer = Annotated[
    str,
    Meta(
        pattern=whole(
            r"(?:https?|socks[45])://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
        ),
        description="User and password have fields of their own.",
        examples=["http://proxy.example:3128"],
    ),
]
ProxyUser = Annotated[str, Meta(max_length=256)]
ProxyPassword = Annotated[str, Meta(max_length=1024)]


class ShownProxy(Struct, frozen=True, kw_only=True, rename="camel"):
    """The proxy that a runtime's browser goes through, without its password."""

    server: ProxyServer
    username: ProxyUser | UnsetType = UNSET


class Proxy(ShownProxy, frozen=True, kw_only=True):
    """As a request says it. `password` is write-only."""

    password: ProxyPassword | UnsetType = UNSET


class SealedProxy(ShownProxy, frozen=True, kw_only=True):
    """As CONTROL keeps it."""

    sealed_password: str | UnsetType = UNSET


class RuntimeConfig(ConfigFields, frozen=True, kw_only=True):
    """As CONTROL keeps it and a worker gets it."""

    proxy: SealedProxy | UnsetType = UNSET


class WantedConfig(ConfigFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As a request says it; a field that nobody knows is refused, for it would change nothing."""

    proxy: Proxy | UnsetType = UNSET


class ShownConfig(ConfigFields, frozen=True, kw_only=True):
    """As an answer shows it."""

    proxy: ShownProxy | UnsetType = UNSET


class ViewportChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merge patch of Viewport."""

    width: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType | None = UNSET
    height: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType | None = UNSET


class NetworkTrafficChange(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """A merge patch of NetworkTraffic. A list is put in the place of the old one."""

    block_resource_types: list[ResourceType] | UnsetType | None = UNSET
    url_allowlist: UrlPatterns | UnsetType | None = UNSET
    url_blocklist: UrlPatterns | UnsetType | None = UNSET


class RecordChange(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A merge patch of Record."""

    input_text: bool | UnsetType | None = UNSET
    headers: bool | UnsetType | None = UNSET
    cdp: Literal["acting", "all"] | UnsetType | None = UNSET


class ProxyChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merge patch of Proxy. Another server or username needs the password again, or null for none."""

    server: ProxyServer | UnsetType | None = UNSET
    username: ProxyUser | UnsetType | None = UNSET
    password: ProxyPassword | UnsetType | None = UNSET


class ConfigChange(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A merge patch (RFC 7396) of a configuration: null takes a field away, what is left out stays."""

    profile: bool | UnsetType | None = UNSET
    idle_timeout_seconds: Seconds | UnsetType | None = UNSET
    max_duration_seconds: Seconds | UnsetType | None = UNSET
    viewport: ViewportChange | UnsetType | None = UNSET
    locale: Locale | UnsetType | None = UNSET
    timezone: Timezone | UnsetType | None = UNSET
    user_agent: UserAgent | UnsetType | None = UNSET
    network_traffic: NetworkTrafficChange | UnsetType | None = UNSET
    recording: bool | UnsetType | None = UNSET
    record: RecordChange | UnsetType | None = UNSET
    host_labels: Annotated[dict[Label, Label | None], Meta(max_length=32)] | UnsetType | None = (
        UNSET
    )
    proxy: ProxyChange | UnsetType | None = UNSET

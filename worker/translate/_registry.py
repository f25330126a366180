"""How a CDP event gets its translation, and what is remembered of a browser to read its next one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from worker.cdp import frames
from worker.egress.causes import Causes
from worker.fact import Fact
from worker.translate.extra_info import Requests

WORKER_TYPES = frozenset({"worker", "shared_worker", "service_worker"})

INTERNAL_REQUESTS = "internal requests"
WITHOUT_A_REQUEST = "answers and ends without a request"


class Params(Struct, frozen=True, kw_only=True, rename="camel"):
    """The parameters of a CDP event, as far as we read them. CDP adds fields freely; they are ignored."""


class Under(Struct, kw_only=True):
    """A navigation under way in a frame. `failure` is why it will not commit, once that is known.

    `requested`: the request for its document is in the record.
    """

    page_id: str | UnsetType
    loader_id: str
    url: str
    requested: bool = False
    committed: bool = False
    failure: str = ""


class Socket(Struct, kw_only=True):
    """An open WebSocket; `since` is Chromium's monotonic clock in seconds."""

    tapped: Tapped
    url: str = ""
    since: float | UnsetType = UNSET
    request_headers: dict[str, str] | UnsetType = UNSET
    error_text: str | UnsetType = UNSET
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


class Downloading(Struct, kw_only=True):
    """A download under way, the page it began in, and the last step of its progress that was told."""

    tapped: Tapped
    step: int = 0


class Browser(Struct, kw_only=True):
    """What must be remembered of a whole browser: a request, a frame, a download passes from target to target.

    `targets` are those we listen to, `frames` leads from a frame within a page to the target that told of it, `causes`
    knows what its connections came to.
    """

    targets: dict[str, Tapped] = msgspec.field(default_factory=dict)
    requests: Requests = msgspec.field(default_factory=Requests)
    sockets: dict[str, Socket] = msgspec.field(default_factory=dict)
    navigations: dict[str, Under] = msgspec.field(default_factory=dict)
    frames: dict[str, Tapped] = msgspec.field(default_factory=dict)
    downloads: dict[str, Downloading] = msgspec.field(default_factory=dict)
    causes: Causes = msgspec.field(default_factory=Causes)
    passed_over: Counter[str] = msgspec.field(default_factory=Counter)


class Tapped(Struct, kw_only=True):
    """The target a message came from, and what must be remembered of it to read the next one.

    `page_id` is the page it belongs to; none for shared and service workers. `since` is when the request for its
    document began, by Chromium's monotonic clock in seconds.
    """

    target_id: str
    type: str
    page_id: str | UnsetType = UNSET
    context_id: str | UnsetType = UNSET
    url: str = ""
    title: str = ""
    on_error_page: bool = False
    since: float | UnsetType = UNSET
    browser: Browser = msgspec.field(default_factory=Browser)

    @property
    def is_worker(self) -> bool:
        """Whether a script without a document runs there."""
        return self.type in WORKER_TYPES

    @property
    def is_page(self) -> bool:
        """Whether it is a page itself, and not a frame or worker in one."""
        return self.type == "page"

    def fact(
        self,
        data: Any,
        status: str | UnsetType = UNSET,
        duration_ms: int | UnsetType = UNSET,
    ) -> Fact:
        """A fact about this target's page."""
        return Fact(
            data=data,
            status=status,
            page_id=self.page_id,
            context_id=self.context_id,
            duration_ms=duration_ms,
        )


def duration_ms(since: float | UnsetType, until: float | UnsetType) -> int | UnsetType:
    """Milliseconds between two readings of Chromium's monotonic clock; its processes' clocks may disagree a little."""
    if isinstance(since, UnsetType) or isinstance(until, UnsetType):
        return UNSET
    return max(0, round((until - since) * 1000))


P = TypeVar("P", bound=Params)
Translator = Callable[[P, Tapped], Iterable[Fact]]


class _Message(Struct, Generic[P]):
    """A CDP event; its method is known by then."""

    params: P


TRANSLATORS: dict[str, tuple[msgspec.json.Decoder[Any], Translator[Any]]] = {}


def cdp(method: str, params: type[P]) -> Callable[[Translator[P]], Translator[P]]:
    """Register the decorated function as the translation of a CDP event."""

    def register(translator: Translator[P]) -> Translator[P]:
        TRANSLATORS[method] = (msgspec.json.Decoder(_Message[params]), translator)  # type: ignore[valid-type]
        return translator

    return register


def read(method: str, message: bytes) -> Any:
    """The parameters of a CDP event that has a translation. Raises msgspec.MsgspecError where one that we need is
    missing or of another type."""
    return frames.decode(TRANSLATORS[method][0], message).params


def facts_in(method: str, params: Params, tapped: Tapped) -> Iterable[Fact]:
    """What these parameters say of the target."""
    return TRANSLATORS[method][1](params, tapped)


def translate(method: str, message: bytes, tapped: Tapped) -> Iterable[Fact]:
    """Both at once."""
    return facts_in(method, read(method, message), tapped)


_INTERNAL = (
    "chrome:",
    "chrome-error:",
    "chrome-extension:",
    "chrome-untrusted:",
    "chrome-search:",
    "devtools:",
)


def is_internal(url: str) -> bool:
    """Whether a URL is the browser's own business and not the run's."""
    return url.startswith(_INTERNAL)

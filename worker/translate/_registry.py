"""How a CDP event gets its translation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from worker.fact import Fact

WORKER_TYPES = frozenset({"worker", "shared_worker", "service_worker"})


class Params(Struct, frozen=True, kw_only=True, rename="camel"):
    """The parameters of a CDP event, as far as we read them. CDP adds fields freely; they are ignored."""


class Tapped(Struct, kw_only=True):
    """The target a message came from, and what must be remembered of it to read the next one.

    `page_id` is the page it belongs to; none for shared and service workers. `browsers_own` holds the ids of requests
    that the browser makes for itself, such as the pictures of its error page: they are not the run's.
    """

    target_id: str
    type: str
    page_id: str | UnsetType = UNSET
    context_id: str | UnsetType = UNSET
    url: str = ""
    title: str = ""
    on_error_page: bool = False
    browsers_own: set[str] = msgspec.field(default_factory=set)

    @property
    def is_worker(self) -> bool:
        """Whether a script without a document runs there."""
        return self.type in WORKER_TYPES

    @property
    def is_page(self) -> bool:
        """Whether it is a page itself, and not a frame or worker in one."""
        return self.type == "page"

    def fact(self, data: Any, status: str | UnsetType = UNSET) -> Fact:
        """A fact about this target's page."""
        return Fact(data=data, status=status, page_id=self.page_id, context_id=self.context_id)


P = TypeVar("P", bound=Params)
Translator = Callable[[P, Tapped], Iterable[Fact]]

TRANSLATORS: dict[str, tuple[msgspec.json.Decoder[Any], Translator[Any]]] = {}


def cdp(method: str, params: type[P]) -> Callable[[Translator[P]], Translator[P]]:
    """Register the decorated function as the translation of a CDP event."""

    def register(translator: Translator[P]) -> Translator[P]:
        TRANSLATORS[method] = (msgspec.json.Decoder(params), translator)
        return translator

    return register


def translate(method: str, params: Raw | bytes, tapped: Tapped) -> Iterable[Fact]:
    """The facts in a CDP event; raises msgspec.MsgspecError when a field we need is missing or of another type."""
    entry = TRANSLATORS.get(method)
    if entry is None:
        return ()
    decoder, translator = entry
    return translator(decoder.decode(params), tapped)


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

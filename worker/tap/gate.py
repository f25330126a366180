"""What a run's browser may load. Pure: CDP events in, calls to make out.

Requests are intercepted only where the configuration needs that, and only those that it may be about: each costs two
messages. One `Fetch` on the browser's own session gets those of all pages, frames and workers, popups' first ones too.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from schemas.runtime_config import NetworkTraffic, ResourceType
from worker.cdp import frames
from worker.patterns import UrlLists
from worker.tap.calls import Calls

# Chromium calls both of these XHR where it intercepts, and EventSource too, which says of itself what it accepts.
_AS_XHR = frozenset({"xhr", "fetch"})
_CDP_NAMES = {"xhr": "XHR", "fetch": "XHR", "eventsource": "XHR", "texttrack": "TextTrack"}
_EVENT_STREAM = "text/event-stream"
Call = tuple[str, dict[str, Any]]

_NEVER_SENT = ("about:", "blob:", "chrome", "data:", "devtools:")


class _Request(Struct):
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Paused(Struct, rename="camel"):
    """`Fetch.requestPaused`."""

    request_id: str
    request: _Request
    resource_type: str = ""


class _PausedEvent(Struct):
    params: Paused


_paused = msgspec.json.Decoder(_PausedEvent)


class Gate:
    """Decides over each request that Chromium asks about."""

    def __init__(self, traffic: NetworkTraffic | None = None) -> None:
        self._traffic = traffic or NetworkTraffic()
        self._blocked_types = frozenset(self._traffic.block_resource_types)
        self._lists = UrlLists(self._traffic.url_allowlist, self._traffic.url_blocklist)

    def calls(self) -> Calls:
        """What to ask of the browser's own session; nothing where there is nothing to decide."""
        patterns = self._patterns()
        return (("Fetch.enable", {"patterns": patterns}),) if patterns else ()

    def _patterns(self) -> list[dict[str, str]]:
        if self._lists.has_allowed:
            return [{"urlPattern": "*"}]
        names = {_CDP_NAMES.get(kind, kind.capitalize()) for kind in self._blocked_types}
        by_type = [{"resourceType": name} for name in sorted(names - {"Websocket"})]
        return by_type + [{"urlPattern": each} for each in self._traffic.url_blocklist]

    def on_paused(self, message: bytes) -> Call:
        """The call that answers a request."""
        paused = frames.decode(_paused, message).params
        if self.refuses(paused):
            refusal = {"requestId": paused.request_id, "errorReason": "BlockedByClient"}
            return "Fetch.failRequest", refusal
        return "Fetch.continueRequest", {"requestId": paused.request_id}

    def refuses(self, paused: Paused) -> bool:
        """Whether this must not be loaded."""
        url = paused.request.url
        if url.startswith(_NEVER_SENT):
            return False
        return self._lists.refuse(url) or bool(_kinds(paused) & self._blocked_types)


def _kinds(paused: Paused) -> frozenset[ResourceType]:
    """What Chromium may mean by the type that it gives."""
    if paused.resource_type != "XHR":
        return frozenset({paused.resource_type.lower()})  # type: ignore[arg-type]  # one we do not know is none of ours
    accept = next((v for n, v in paused.request.headers.items() if n.lower() == "accept"), "")
    return frozenset({"eventsource"}) if accept == _EVENT_STREAM else _AS_XHR  # type: ignore[return-value]

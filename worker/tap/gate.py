"""What a run's browser may load, and how it logs in to its proxy. Pure: CDP events in, calls to make out.

Requests are intercepted only where the configuration needs that, and only those that it may be about: each costs two
messages. One `Fetch` on the browser's own session gets those of all pages, frames and workers, popups' first ones too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct, field

from schemas.runtime_config import NetworkTraffic, ResourceType
from worker.tap.calls import Calls

# Chromium calls both of these XHR where it intercepts, and EventSource too, which says of itself what it accepts.
_AS_XHR = frozenset({"xhr", "fetch"})
_CDP_NAMES = {"xhr": "XHR", "fetch": "XHR", "eventsource": "XHR", "texttrack": "TextTrack"}
_EVENT_STREAM = "text/event-stream"
_NETWORK = ("http:", "https:")
MOST_REMEMBERED = 10_000


class Login(Struct, frozen=True):
    """User and password for the proxy. Never shown, never told."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Login(…)"


class _Request(Struct):
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Paused(Struct, rename="camel"):
    """`Fetch.requestPaused`."""

    request_id: str
    request: _Request
    resource_type: str = ""


class _Challenge(Struct):
    source: str = "Server"


class AuthRequired(Struct, rename="camel"):
    """`Fetch.authRequired`."""

    request_id: str
    auth_challenge: _Challenge


class _PausedEvent(Struct):
    params: Paused


class _AuthEvent(Struct):
    params: AuthRequired


_paused = msgspec.json.Decoder(_PausedEvent)
_auth = msgspec.json.Decoder(_AuthEvent)


class Gate:
    """Decides over each request that Chromium asks about."""

    def __init__(self, traffic: NetworkTraffic | None = None, login: Login | None = None) -> None:
        self._traffic = traffic or NetworkTraffic()
        self._login = login
        self._blocked_types = frozenset(self._traffic.block_resource_types)
        self._allowed = _fitting(tuple(self._traffic.url_allowlist))
        self._blocked = _fitting(tuple(self._traffic.url_blocklist))
        self._answered: dict[str, None] = {}

    def calls(self) -> Calls:
        """What to ask of the browser's own session; nothing where there is nothing to decide."""
        patterns = self._patterns()
        if not patterns:
            return ()
        enable = {"patterns": patterns, "handleAuthRequests": self._login is not None}
        return (("Fetch.enable", enable),)

    def _patterns(self) -> list[dict[str, str]]:
        if self._login is not None or self._allowed is not None:
            return [{"urlPattern": "*"}]
        names = {_CDP_NAMES.get(kind, kind.capitalize()) for kind in self._blocked_types}
        by_type = [{"resourceType": name} for name in sorted(names - {"Websocket"})]
        return by_type + [{"urlPattern": each} for each in self._traffic.url_blocklist]

    def on_paused(self, message: bytes) -> tuple[str, dict[str, Any]]:
        """The call that answers a request."""
        paused = _paused.decode(message).params
        if self.refuses(paused):
            return "Fetch.failRequest", {
                "requestId": paused.request_id,
                "errorReason": "BlockedByClient",
            }
        return "Fetch.continueRequest", {"requestId": paused.request_id}

    def refuses(self, paused: Paused) -> bool:
        """Whether this must not be loaded."""
        url = paused.request.url
        if not url.startswith(_NETWORK):
            return False
        if self._blocked is not None and self._blocked.match(url):
            return True
        if self._allowed is not None and not self._allowed.match(url):
            return True
        return bool(_kinds(paused) & self._blocked_types)

    def on_auth(self, message: bytes) -> tuple[str, dict[str, Any]]:
        """The call that answers a challenge: our login to the proxy once; a site's own is not our business."""
        required = _auth.decode(message).params
        answer: dict[str, str] = {"response": "Default"}
        if required.auth_challenge.source == "Proxy" and self._login is not None:
            if required.request_id in self._answered:
                answer = {"response": "CancelAuth"}  # it was refused
            else:
                self._remember(required.request_id)
                answer = {
                    "response": "ProvideCredentials",
                    "username": self._login.username,
                    "password": self._login.password,
                }
        params = {"requestId": required.request_id, "authChallengeResponse": answer}
        return "Fetch.continueWithAuth", params

    def _remember(self, request_id: str) -> None:
        self._answered[request_id] = None
        if len(self._answered) > MOST_REMEMBERED:
            del self._answered[next(iter(self._answered))]


def _kinds(paused: Paused) -> frozenset[ResourceType]:
    """What Chromium may mean by the type that it gives."""
    if paused.resource_type != "XHR":
        return frozenset({paused.resource_type.lower()})  # type: ignore[arg-type]  # one we do not know is none of ours
    accept = next((v for n, v in paused.request.headers.items() if n.lower() == "accept"), "")
    return frozenset({"eventsource"}) if accept == _EVENT_STREAM else _AS_XHR  # type: ignore[return-value]


def _fitting(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """One expression for them all; None where there are none."""
    return re.compile("|".join(map(_expression, patterns)), re.DOTALL) if patterns else None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> str:
    """As Chromium reads them: `*` any characters, `?` one, a backslash makes the next one itself.

    What a star has skipped is not tried again (`(?>…)`), so that no page can make it take long.
    """
    first, *rest = _pieces(pattern)
    if not rest:
        return rf"(?:{first}\Z)"
    *middle, last = rest
    return rf"(?:{first}{''.join(f'(?>.*?{each})' for each in middle if each)}.*{last}\Z)"


def _pieces(pattern: str) -> list[str]:
    """What stands between the stars, as expressions."""
    pieces = [""]
    signs = iter(pattern)
    for sign in signs:
        if sign == "*":
            pieces.append("")
        elif sign == "?":
            pieces[-1] += "."
        else:
            pieces[-1] += re.escape(next(signs, sign) if sign == "\\" else sign)
    return pieces

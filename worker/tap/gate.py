"""What a run's browser may load, and how it logs in to its proxy. Pure: CDP events in, calls to make out.

Requests are intercepted only where the configuration needs that, and only those that it may be about: each costs two
messages. One `Fetch` on the browser's own session gets those of all pages, frames and workers, popups' first ones too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec
from msgspec import Struct, field

from schemas.runtime_config import NetworkTraffic, ResourceType
from worker.cdp import frames
from worker.tap.calls import Calls
from worker.tap.proxy_login import Call, Login, ProxyLogin

# Chromium calls both of these XHR where it intercepts, and EventSource too, which says of itself what it accepts.
_AS_XHR = frozenset({"xhr", "fetch"})
_CDP_NAMES = {"xhr": "XHR", "fetch": "XHR", "eventsource": "XHR", "texttrack": "TextTrack"}
_EVENT_STREAM = "text/event-stream"
# A page chooses its URLs, of up to 2 MB, and there may be a thousand patterns: what is longer is compared with none.
LONGEST_COMPARED_CHARS = 8 * 1024
_NEVER_SENT = ("about:", "blob:", "chrome", "data:", "devtools:")
_LOCAL = re.compile(
    r"https?://(?:localhost|[^/:]+\.localhost|127\.[0-9.]+|169\.254\.[0-9.]+"
    r"|\[::1\]|\[fe[89ab][0-9a-f]:[0-9a-f:]*\])(?:[:/]|\Z)"
)
_OF_CHROMIUM_ITSELF = "Internal Redirect"  # from `http:` to `https:`, of which no proxy is told


class _Request(Struct):
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Paused(Struct, rename="camel"):
    """`Fetch.requestPaused`."""

    request_id: str
    request: _Request
    frame_id: str = ""
    resource_type: str = ""
    response_status_code: int | None = None
    response_status_text: str = ""
    response_error_reason: str | None = None

    @property
    def has_answer(self) -> bool:
        """Whether it is paused with its answer, and not before it was sent."""
        return self.response_status_code is not None or self.response_error_reason is not None

    @property
    def has_passed(self) -> bool:
        """Whether its answer shows that a proxy let it pass."""
        return (
            self.response_error_reason is None and self.response_status_text != _OF_CHROMIUM_ITSELF
        )


class _Challenge(Struct):
    source: str = "Server"


class AuthRequired(Struct, rename="camel"):
    """`Fetch.authRequired`."""

    request_id: str
    auth_challenge: _Challenge
    frame_id: str = ""


class _PausedEvent(Struct):
    params: Paused


class _AuthEvent(Struct):
    params: AuthRequired


_paused = msgspec.json.Decoder(_PausedEvent)
_auth = msgspec.json.Decoder(_AuthEvent)


class Gate:
    """Decides over each request that Chromium asks about. `context_of` tells the browser context of a frame."""

    def __init__(
        self,
        traffic: NetworkTraffic | None = None,
        login: Login | None = None,
        *,
        context_of: Callable[[str], str] = lambda _frame_id: "",
    ) -> None:
        self._traffic = traffic or NetworkTraffic()
        self._login = ProxyLogin(login) if login is not None else None
        self._context_of = context_of
        self._blocked_types = frozenset(self._traffic.block_resource_types)
        self._allowed = _fitting(tuple(self._traffic.url_allowlist))
        self._blocked = _fitting(tuple(self._traffic.url_blocklist))
        self._takes_challenges = False

    def calls(self) -> Calls:
        """What to ask of the browser's own session; nothing where there is nothing to decide."""
        patterns = self._patterns()
        if not patterns:
            return ()
        enable = {"patterns": patterns, "handleAuthRequests": self._takes_challenges}
        return (("Fetch.enable", enable),)

    def _patterns(self) -> list[dict[str, str]]:
        if self._login is not None or self._allowed is not None:
            return [{"urlPattern": "*"}]
        names = {_CDP_NAMES.get(kind, kind.capitalize()) for kind in self._blocked_types}
        by_type = [{"resourceType": name} for name in sorted(names - {"Websocket"})]
        return by_type + [{"urlPattern": each} for each in self._traffic.url_blocklist]

    def on_paused(self, message: bytes) -> list[Call]:
        """The calls that answer a request."""
        paused = frames.decode(_paused, message).params
        if self.refuses(paused):
            refusal = {"requestId": paused.request_id, "errorReason": "BlockedByClient"}
            return [("Fetch.failRequest", refusal)]
        if self._login is None or _is_local(paused.request.url):
            return [("Fetch.continueRequest", {"requestId": paused.request_id})]
        context = self._context_of(paused.frame_id)
        if paused.has_answer:
            return self._with_challenges(
                self._login.answered(paused.request_id, context, has_passed=paused.has_passed)
            )
        return self._with_challenges(self._login.go_on(paused.request_id, context))

    def on_auth(self, message: bytes) -> list[Call]:
        """The calls that answer a challenge."""
        required = frames.decode(_auth, message).params
        if self._login is None:
            return []
        by_proxy = required.auth_challenge.source == "Proxy"
        context = self._context_of(required.frame_id)
        return self._with_challenges(
            self._login.challenged(required.request_id, context, by_proxy=by_proxy)
        )

    @property
    def waits(self) -> bool:
        """Whether requests wait for the login to the proxy."""
        return self._login is not None and self._login.waits

    def release(self) -> list[Call]:
        """What lets them go on, once they have waited for long enough."""
        return self._login.release() if self._login is not None else []

    def _with_challenges(self, calls: list[Call]) -> list[Call]:
        """The calls, and one that says whether challenges are ours now where that has changed: before they go on,
        and when the last is answered."""
        wanted = self._login is not None and self._login.takes_challenges
        if wanted == self._takes_challenges:
            return calls
        self._takes_challenges = wanted
        return [*self.calls(), *calls] if wanted else [calls[0], *self.calls(), *calls[1:]]

    def refuses(self, paused: Paused) -> bool:
        """Whether this must not be loaded."""
        url = paused.request.url
        if url.startswith(_NEVER_SENT):
            return False
        return self._refuses_url(url) or bool(_kinds(paused) & self._blocked_types)

    def _refuses_url(self, url: str) -> bool:
        """Whether the lists refuse it. Where there are any, they refuse what is too long to be compared."""
        if self._blocked is None and self._allowed is None:
            return False
        if len(url) > LONGEST_COMPARED_CHARS:
            return True
        if self._blocked is not None and self._blocked.match(url):
            return True
        return self._allowed is not None and not self._allowed.match(url)


def _is_local(url: str) -> bool:
    """Whether Chromium asks no proxy for it."""
    return _LOCAL.match(url) is not None


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

"""How a browser logs in to its proxy, while clients may log in to sites. Pure.

Chromium gives each challenge to one session only, ours before any client's, and remembers a login to a proxy for each
browser context. So we take challenges only from a context's first request until that is answered; its other requests
wait so long, but not for one that its page has given up, of which nobody is told. From then on the proxy asks no more,
and challenges of sites go to the clients.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Call = tuple[str, dict[str, Any]]


class Login(Struct, frozen=True):
    """User and password for the proxy. Never shown, never told."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Login(…)"


class ProxyLogin:
    """Which contexts are logged in, and what waits for those that are not yet."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._known: set[str] = set()
        self._first: dict[str, str] = {}  # the request that a context tries with
        self._waiting: dict[str, list[str]] = {}
        self._overdue: set[str] = set()

    @property
    def takes_challenges(self) -> bool:
        """Whether challenges must come to us now."""
        return bool(self._first)

    def go_on(self, request_id: str, context: str) -> list[Call]:
        """What lets a request go on that may be loaded; nothing where it has to wait."""
        if context in self._known or context in self._overdue:
            return [_continue(request_id)]
        if context in self._first:
            self._waiting.setdefault(context, []).append(request_id)
            return []
        self._first[context] = request_id
        # We are told when it has its answer, which comes without a challenge where the proxy asks for none.
        return [("Fetch.continueRequest", {"requestId": request_id, "interceptResponse": True})]

    @property
    def waits(self) -> bool:
        """Whether any request waits for another."""
        return bool(self._waiting)

    def release(self) -> list[Call]:
        """What lets all go on that has waited for long enough."""
        waiting, self._waiting = self._waiting, {}
        self._overdue |= waiting.keys()
        return [_continue(each) for requests in waiting.values() for each in requests]

    def answered(self, request_id: str, context: str) -> list[Call]:
        """A first request has its answer, or has failed."""
        return [_continue(request_id), *self._done(context)]

    def challenged(self, request_id: str, context: str, *, by_proxy: bool) -> list[Call]:
        """What answers a challenge; a site's gets what it had got without us."""
        answer = {"response": "Default"}
        if by_proxy:
            answer = {"response": "ProvideCredentials"}
            answer |= {"username": self._login.username, "password": self._login.password}
        params = {"requestId": request_id, "authChallengeResponse": answer}
        return [("Fetch.continueWithAuth", params), *self._done(context)]

    def _done(self, context: str) -> list[Call]:
        self._known.add(context)
        self._first.pop(context, None)
        return [_continue(each) for each in self._waiting.pop(context, [])]


def _continue(request_id: str) -> Call:
    return "Fetch.continueRequest", {"requestId": request_id}

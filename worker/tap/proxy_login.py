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


_TRIED = 1000  # requests, remembered


class ProxyLogin:
    """Which contexts are logged in, and what waits for those that are not yet."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._known: set[str] = set()
        self._first: dict[str, str] = {}  # the request that a context tries with
        self._waiting: dict[str, list[str]] = {}
        self._overdue: set[str] = set()
        self._tried: set[str] = set()  # the requests that gave the login

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

    def answered(self, request_id: str, context: str, *, has_passed: bool) -> list[Call]:
        """A request has its answer, or has failed. What never came past the proxy shows nothing: another tries."""
        first_of = self._context_of_first(request_id)
        if first_of is None:
            return [_continue(request_id)]
        if has_passed:
            return [_continue(request_id), *self._done({first_of, context})]
        del self._first[first_of]
        self._overdue.discard(first_of)
        waiting = self._waiting.pop(first_of, [])
        again = [call for each in waiting for call in self.go_on(each, first_of)]
        return [_continue(request_id), *again]

    def challenged(self, request_id: str, context: str, *, by_proxy: bool) -> list[Call]:
        """What answers a challenge; a site's gets what it had got without us, and a login is tried once."""
        answer = {"response": "Default"}
        if by_proxy and request_id in self._tried:
            answer = {"response": "CancelAuth"}
        elif by_proxy:
            self._remember(request_id)
            answer = {"response": "ProvideCredentials"}
            answer |= {"username": self._login.username, "password": self._login.password}
        params = {"requestId": request_id, "authChallengeResponse": answer}
        first_of = self._context_of_first(request_id)
        contexts = {context} if first_of is None else {first_of, context}
        return [("Fetch.continueWithAuth", params), *self._done(contexts)]

    def _remember(self, request_id: str) -> None:
        if len(self._tried) >= _TRIED:
            self._tried.clear()
        self._tried.add(request_id)

    def _context_of_first(self, request_id: str) -> str | None:
        """Of which context it was the first request when it went; by now its frame may be known as another's."""
        return next(
            (context for context, first in self._first.items() if first == request_id), None
        )

    def _done(self, contexts: set[str]) -> list[Call]:
        self._known |= contexts
        for context in contexts:
            self._first.pop(context, None)
        waiting = [each for context in contexts for each in self._waiting.pop(context, [])]
        return [_continue(each) for each in waiting]


def _continue(request_id: str) -> Call:
    return "Fetch.continueRequest", {"requestId": request_id}

"""Who may ask at the gateway at all, before anybody looks at a token: by address, Host and Origin. And how often.

A page in somebody's browser can open WebSockets to any address, also by a name of its own that leads here (DNS
rebinding); it cannot leave out its Origin, nor say another Host.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from schemas.allowance import Allowance
from schemas.doors import client_address, is_address, may_connect, networks
from schemas.problems import AuthForbidden, HostForbidden, PeerForbidden, Problem, RateLimited
from schemas.settings import WorkerSettings

# Nobody guesses a token; who tries a hundred URLs that lead nowhere has a program that should be looked at.
WRONG_AT_ONCE = 100
WRONG_PER_SECOND = 1


class Entrance:
    """That of one gateway. Raises CannotStart for a `behind_proxy` that is none. Pure, but for the clock handed in."""

    def __init__(self, *, behind_proxy: str = "", host: str = "", public_url: str = "") -> None:
        self._proxies = networks(behind_proxy)
        public = urlsplit(public_url).hostname or ""
        self._names = {"localhost", host.lower(), public} - {""}
        self._any_name = bool(behind_proxy) and not public  # a proxy may say what it likes
        self._wrong = Allowance(per_second=WRONG_PER_SECOND, at_once=WRONG_AT_ONCE)

    @classmethod
    def of(cls, settings: WorkerSettings) -> Entrance:
        """As the settings say."""
        return cls(
            behind_proxy=settings.behind_proxy, host=settings.host, public_url=settings.public_url
        )

    def address(self, peer: str, headers: Mapping[str, str]) -> str:
        """For whom a peer asks."""
        return client_address(peer, headers.get("x-forwarded-for", ""), self._proxies)

    def refusal(self, peer: str, headers: Mapping[str, str]) -> Problem | None:
        """Why somebody is not let in, whatever the URL; None where the URL decides."""
        if not may_connect(peer, self._proxies):
            return PeerForbidden()
        host = headers.get("host", "")
        if not self._is_ours(_name(host)):
            return HostForbidden()
        if "origin" in headers and urlsplit(headers["origin"]).netloc.lower() != host.lower():
            return AuthForbidden(
                "Pages may not attach to a run.",
                hint="Attach from a program; one that sends an Origin header has to leave it out.",
            )
        return None

    def failed(self, address: str, now: float) -> Problem | None:
        """Somebody came with a URL that leads nowhere; what he hears of it, where he does so too often.

        A URL that leads somewhere always does: others may be at the same address, and nobody guesses one.
        """
        wait = self._wrong.take(address, now)
        if not wait:
            return None
        return RateLimited(
            "Too many URLs that lead nowhere were tried from this address.",
            retry_after_seconds=wait,
        )

    def _is_ours(self, name: str) -> bool:
        return self._any_name or is_address(name) or name in self._names


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()

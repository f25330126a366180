"""Who may come in, before anything is read: by address and by Host; for whom; and what every answer says."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from litestar.types import Scope

from recorder.api.cors import Cors
from schemas.doors import client_address, may_connect, networks
from schemas.problems import HostForbidden, PeerForbidden, RequestInvalid
from schemas.settings import RecorderSettings

Headers = list[tuple[bytes, bytes]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
# An answer is data: nothing in it runs, nothing frames it, nobody keeps it, and its address goes nowhere.
# What says it otherwise itself (contents, streams) is left as it says it.
ALWAYS: Mapping[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}
HSTS = (b"strict-transport-security", b"max-age=31536000")
TRUSTED = ("http", "https")


class Door:
    """The door of one recorder."""

    def __init__(self, settings: RecorderSettings) -> None:
        self._hosts = own_hosts(settings)
        self._proxies = networks(settings.behind_proxy)
        self.cors = Cors(settings.cors_origins)

    def let_in(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """Checks peer and Host, and writes into `scope` for whom a proxy of ours asks, and by which scheme.

        Raises PeerForbidden, HostForbidden, RequestInvalid.
        """
        peer = (scope.get("client") or ("", 0))[0]
        if not may_connect(peer, self._proxies):
            raise PeerForbidden
        if self._proxies:
            scope["client"] = (
                client_address(peer, headers.get("x-forwarded-for", ""), self._proxies),
                0,
            )
            scheme = headers.get("x-forwarded-proto", "").strip().lower()
            scope["scheme"] = scheme if scheme in TRUSTED else scope["scheme"]
        self._check_host(scope)

    def _check_host(self, scope: Scope) -> None:
        """A page elsewhere must not reach us under a name of its own (DNS rebinding)."""
        given = [value for name, value in scope["headers"] if name == b"host"]
        if not given:
            return
        if len(given) > 1:
            raise RequestInvalid("A request has one Host.")
        name = host_name(given[0].decode("latin-1"))
        server = scope.get("server")
        if name not in self._hosts and not (server and name.strip("[]") == server[0]):
            raise HostForbidden


def answer_headers(scope: Scope, given: Headers) -> Headers:
    """Those of an answer, with what every answer says."""
    said = {name for name, _ in given}
    always = [(name, value) for name, value in ALWAYS.items() if name not in said]
    return [*given, *always, *([HSTS] if scope.get("scheme") == "https" else [])]


def own_hosts(settings: RecorderSettings) -> frozenset[str]:
    """The names in a Host header that mean this recorder."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    return LOOPBACK | {settings.host.lower()} | ({public} if public else set())


def host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()

"""Which WebSockets a configuration lets a page open. Pure.

Chromium asks no CDP client about them, so they are held where they go out. A `ws:` URL is seen whole; of a `wss:` URL
only what stands before its path: in an allow-list `wss://a.test/*` lets it be opened, in a block-list it is refused by
that.
"""

from __future__ import annotations

from schemas.runtime_config import NetworkTraffic
from worker.egress.socks import LONGEST_HEAD_BYTES, Wanted
from worker.patterns import UrlLists

_TLS_HANDSHAKE = b"\x16"


class SocketRules:
    """What a configuration says of WebSockets."""

    def __init__(self, traffic: NetworkTraffic) -> None:
        self.refuses_all = "websocket" in traffic.block_resource_types
        self._lists = UrlLists(traffic.url_allowlist, traffic.url_blocklist)

    @property
    def compares(self) -> bool:
        """Whether its URL has to be known first."""
        return not self._lists.is_empty

    def refuses(self, url: str) -> bool:
        """Whether that one must not be opened."""
        return self.refuses_all or self._lists.refuse(url)


def url_of(wanted: Wanted, said: bytes) -> str | None:
    """Which WebSocket a page opens there, by the first that it says to the server; None: more has to come.

    What is no request is somebody else's URL, which fits no pattern that means one.
    """
    host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
    if said.startswith(_TLS_HANDSHAKE):
        return f"wss://{host}{_port(wanted.port, 443)}/"
    line, ended, _ = said.partition(b"\r\n")
    if not ended and len(said) < LONGEST_HEAD_BYTES:
        return None
    parts = line.split(b" ")
    path = parts[1].decode("latin-1") if ended and len(parts) == 3 else ""
    return f"ws://{host}{_port(wanted.port, 80)}{path}"


def _port(port: int, default: int) -> str:
    return "" if port == default else f":{port}"

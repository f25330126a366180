"""Why a browser's connections came to nothing, and where they led: Chromium itself knows its proxy only. Bounded.

Chromium says `net::ERR_ADDRESS_UNREACHABLE` or the like of a host that its proxy did not reach, and gives the proxy's
address as a server's. What is known here by host and port takes the place of that, in events and in what clients read.
"""

from __future__ import annotations

import re
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

MOST = 1000

NAME_NOT_RESOLVED = "net::ERR_NAME_NOT_RESOLVED"
REFUSED_BY_SERVER = "net::ERR_CONNECTION_REFUSED"
TIMED_OUT = "net::ERR_CONNECTION_TIMED_OUT"
UNREACHABLE = "net::ERR_ADDRESS_UNREACHABLE"
RESET = "net::ERR_CONNECTION_RESET"
TOO_MANY = "net::ERR_INSUFFICIENT_RESOURCES"
PROXY_AWAY = "net::ERR_PROXY_CONNECTION_FAILED"
PROXY_REFUSES = "net::ERR_TUNNEL_CONNECTION_FAILED"
PROXY_WANTS_LOGIN = "net::ERR_PROXY_AUTH_REQUESTED"
# None of Chromium's: a rule of this host or of the space.
REFUSED = "egress.refused"
BLOCKED = "net::ERR_BLOCKED_BY_CLIENT"

# What Chromium says where a proxy did not get through, whatever the reason.
_BY_CHROMIUM = re.compile(
    r"net::ERR_(?:SOCKS_CONNECTION_(?:FAILED|HOST_UNREACHABLE)|ADDRESS_UNREACHABLE"
    r"|TUNNEL_CONNECTION_FAILED|PROXY_CONNECTION_FAILED)\b"
)
# What it says of a WebSocket then, and what it says where it knows more.
_BY_CHROMIUM_OF_SOCKETS = "Establishing a tunnel via proxy server failed."
_OF_SOCKETS = "Error in connection establishment: "
# Such words in a CDP message, and whose they are: an answer to `Page.navigate` has a `loaderId`, an event a
# `requestId`, and a document's are the same.
_IN_MESSAGE = re.compile(rb'"net::ERR_(?:SOCKS|TUNNEL)_CONNECTION_FAILED"')
_WHOSE = re.compile(rb'"(?:requestId|loaderId)":"([^"]{1,64})"')
_LONGEST_MESSAGE_BYTES = 64 * 1024
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

Place = tuple[str, int]
K = TypeVar("K")
W = TypeVar("W")


class Cause(Struct, frozen=True):
    """Why a connection failed: one of the texts above, and for a refusal by rule what was refused and why."""

    error: str
    detail: str = ""

    @property
    def text(self) -> str:
        """As an event has it."""
        return f"{self.error}: {self.detail}" if self.detail else self.error


Reached = tuple[str, int]  # address and port


class Causes:
    """What is known of a browser's connections, by host and port; the newest of each."""

    def __init__(self) -> None:
        self.proxy_port = 0  # ours, which Chromium takes for the server's
        self._failed: dict[Place, Cause] = {}
        self._reached: dict[Place, Reached] = {}
        self._told: dict[str, str] = {}

    def failed(self, host: str, port: int, cause: Cause) -> None:
        """A connection came to nothing."""
        _put(self._failed, (host, port), cause)

    def reached(self, host: str, port: int, address: str, at: int) -> None:
        """A connection is there. IPv6 addresses stand in brackets, as with Chromium."""
        self._failed.pop((host, port), None)
        _put(self._reached, (host, port), (f"[{address}]" if ":" in address else address, at))

    def true_text(self, text: str, url: str) -> str:
        """Chromium's words for a failure, with the cause in them where that is known."""
        found = _BY_CHROMIUM.search(text)
        words = found[0] if found else _BY_CHROMIUM_OF_SOCKETS
        cause = self._failed.get(place_of(url)) if words in text else None
        if cause is None:
            return text
        return text.replace(words, cause.text if found else _OF_SOCKETS + cause.text)

    def told(self, request_id: str, text: str) -> None:
        """Why that request failed, as the log has it: clients are told the same."""
        _put(self._told, request_id, text)

    def in_message(self, message: bytes) -> bytes:
        """A message of Chromium's to a client, with the cause in it where that is known."""
        if not self._told or len(message) > _LONGEST_MESSAGE_BYTES:
            return message
        found = _IN_MESSAGE.search(message)
        whose = _WHOSE.search(message) if found else None
        text = self._told.get(whose[1].decode(errors="replace")) if whose else None
        if found is None or text is None:
            return message
        return message[: found.start()] + msgspec.json.encode(text) + message[found.end() :]

    def address_of(self, url: str, address: str, port: int) -> Reached:
        """Where the answer to that URL came from, if Chromium says that it came from here."""
        if port != self.proxy_port or not port:
            return address, port
        return self._reached.get(place_of(url)) or ("", 0)


def place_of(url: str) -> Place:
    """Host and port of a URL, as Chromium asks for them; ("", 0) where it has none."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0


def _put(known: dict[K, W], key: K, what: W) -> None:
    known.pop(key, None)
    known[key] = what
    if len(known) > MOST:
        del known[next(iter(known))]

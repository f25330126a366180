"""What a browser says before its connection is one: where it wants to go. Pure: bytes in, bytes out.

Chromium speaks SOCKS5 (RFC 1928) without a login for everything but WebSockets, for which it is given an HTTP proxy at
the same port: so they can be told apart.
"""

from __future__ import annotations

import ipaddress
from enum import Enum, auto

from msgspec import Struct

VERSION = 5
NO_LOGIN = 0
CONNECT = 1
IPV4, NAME, IPV6 = 1, 3, 4

LONGEST_HEAD_BYTES = 16 * 1024
_END_OF_HEAD = b"\r\n\r\n"


class Reply(Enum):
    """How it came out."""

    CONNECTED = auto()
    REFUSED = auto()  # by our rules
    UNREACHABLE = auto()


_SOCKS_REPLIES = {Reply.CONNECTED: 0, Reply.REFUSED: 4, Reply.UNREACHABLE: 4}
_HTTP_REPLIES = {
    Reply.CONNECTED: "200 Connection established",
    Reply.REFUSED: "403 Forbidden",
    Reply.UNREACHABLE: "502 Bad Gateway",
}


class Wanted(Struct, frozen=True):
    """Where to: a name, or an address as text. `early` is what was sent along."""

    host: str
    port: int
    for_socket: bool = False
    early: bytes = b""

    def answer(self, reply: Reply) -> bytes:
        """What tells the browser."""
        if self.for_socket:
            return f"HTTP/1.1 {_HTTP_REPLIES[reply]}\r\n\r\n".encode()
        return bytes((VERSION, _SOCKS_REPLIES[reply], 0, IPV4, 0, 0, 0, 0, 0, 0))


class NotUnderstood(Exception):
    """That is no browser of ours."""


class Greeting:
    """What has come so far. Bounded by LONGEST_HEAD_BYTES and one read."""

    def __init__(self) -> None:
        self._came = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> tuple[bytes, Wanted | None]:
        """What to answer now, and where to, once that is known. Raises NotUnderstood."""
        self._came += data
        if self._greeted or self._came[0] == VERSION:
            return self._feed_socks()
        if b"CONNECT "[: len(self._came)] == self._came[:8]:
            return b"", self._feed_http()
        raise NotUnderstood

    def _feed_socks(self) -> tuple[bytes, Wanted | None]:
        answer = b""
        if not self._greeted:
            if len(self._came) < 2 or len(self._came) < 2 + self._came[1]:
                return b"", None
            methods = self._came[2 : 2 + self._came[1]]
            if NO_LOGIN not in methods:
                raise NotUnderstood
            del self._came[: 2 + self._came[1]]
            self._greeted = True
            answer = bytes((VERSION, NO_LOGIN))
        return answer, self._wanted()

    def _wanted(self) -> Wanted | None:
        came = self._came
        if len(came) < 5:
            return None
        version, command, _, kind, length = came[:5]
        if version != VERSION or command != CONNECT or kind not in (IPV4, NAME, IPV6):
            raise NotUnderstood
        start, size = (5, length) if kind == NAME else (4, 4 if kind == IPV4 else 16)
        end = start + size
        if len(came) < end + 2:
            return None
        host = _host(kind, bytes(came[start:end]))
        port = int.from_bytes(came[end : end + 2], "big")
        return Wanted(host, port, early=bytes(came[end + 2 :]))

    def _feed_http(self) -> Wanted | None:
        head, found, early = bytes(self._came).partition(_END_OF_HEAD)
        if not found:
            if len(self._came) > LONGEST_HEAD_BYTES:
                raise NotUnderstood
            return None
        host, port = _authority(head.partition(b"\r\n")[0])
        return Wanted(host, port, for_socket=True, early=early)


def _host(kind: int, written: bytes) -> str:
    if kind == NAME:
        return _name(written)
    return str(ipaddress.ip_address(written))


def _authority(line: bytes) -> tuple[str, int]:
    """Of `CONNECT host:port HTTP/1.1`."""
    parts = line.split(b" ")
    host, _, port = parts[1].rpartition(b":") if len(parts) == 3 else (b"", b"", b"")
    if not host or not port.isdigit() or len(port) > 5 or int(port) > 0xFFFF:
        raise NotUnderstood
    return _name(host.removeprefix(b"[").removesuffix(b"]")), int(port)


def _name(written: bytes) -> str:
    """Names are ASCII by the time Chromium asks for them."""
    if not written or not written.isascii() or not written.decode().isprintable():
        raise NotUnderstood
    return written.decode().lower()

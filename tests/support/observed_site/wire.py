"""HTTP/1.1 as bytes: a request in, a reply out, WebSocket frames both ways. Pure."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from email.parser import Parser
from http import HTTPStatus
from http.client import HTTPMessage

HTML = "text/html; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
TEXT = "text/plain; charset=utf-8"

# 22,000 bytes of text, as brotli writes them; Python has no encoder of its own.
BROTLI_TEXT = b"Reel & Co. " * 2000
BROTLI_BODY = base64.b64decode("G+9V+B0JdizkN/ixmpYgQ1JlwpZlLm9xYATQZxPARAc=")

_WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TEXT_FRAME, BINARY_FRAME, CLOSE_FRAME = 0x1, 0x2, 0x8


@dataclass(frozen=True)
class Request:
    """What a browser asks. `url` is whole, with the scheme and the Host that it named."""

    method: str
    url: str
    path: str  # without its query
    query: str
    headers: HTTPMessage
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What to answer, before it is encoded. `encoding` is gzip, br (the body must be BROTLI_TEXT) or none."""

    status: int = 200
    body: bytes = b""
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()
    encoding: str = ""
    chunked: bool = False
    cacheable: bool = False
    keep_alive: bool = True


def parse_request(raw: bytes, scheme: str) -> Request:
    """A head, from its first line to the blank one; the body is not there yet."""
    first, _, rest = raw.partition(b"\r\n")
    method, target, _version = first.decode("latin-1").split(" ")
    # Not http.client's own: it takes no line beyond 64 KiB.
    headers = Parser(_class=HTTPMessage).parsestr(rest.decode("latin-1"), headersonly=True)
    path, _, query = target.partition("?")
    if headers.get("Upgrade") == "websocket":
        scheme = scheme.replace("http", "ws")
    return Request(method, f"{scheme}://{headers['Host']}{target}", path, query, headers)


def encode_head(status: int, headers: list[tuple[str, str]]) -> bytes:
    """A response's head."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def head_of(reply: Reply) -> bytes:
    """The head of a reply whose body is known."""
    headers = [("Connection", "keep-alive" if reply.keep_alive else "close"), *reply.headers]
    if reply.status not in (204, 304):
        headers.append(("Content-Type", reply.content_type))
    if not reply.cacheable:
        headers.append(("Cache-Control", "no-store"))
    if reply.encoding:
        headers.append(("Content-Encoding", reply.encoding))
    if reply.chunked:
        headers.append(("Transfer-Encoding", "chunked"))
    elif reply.status not in (204, 304):
        headers.append(("Content-Length", str(len(encoded(reply)))))
    return encode_head(reply.status, headers)


def encoded(reply: Reply) -> bytes:
    """The body as it crosses the wire, before chunking."""
    if reply.encoding == "br":
        assert reply.body == BROTLI_TEXT
        return BROTLI_BODY
    return gzip.compress(reply.body, mtime=0) if reply.encoding == "gzip" else reply.body


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; an empty one ends it."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def accept_key(request: Request) -> str:
    """The server's half of a WebSocket handshake."""
    key = request.headers["Sec-WebSocket-Key"].encode()
    return base64.b64encode(hashlib.sha1(key + _WEBSOCKET_KEY).digest()).decode()


def websocket_frame(kind: int, payload: bytes) -> bytes:
    """A whole message of less than 64 KiB, unmasked, as servers send them."""
    if len(payload) < 126:
        return bytes([0x80 | kind, len(payload)]) + payload
    return bytes([0x80 | kind, 126]) + len(payload).to_bytes(2, "big") + payload


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """A browser's payload."""
    return bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))

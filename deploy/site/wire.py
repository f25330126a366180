"""HTTP/1.1 as text: a request's head in, an answer's bytes out. Pure."""

from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, parse_headers
from io import BytesIO
from typing import NamedTuple

LONGEST_BODY_BYTES = 1_000_000


class Access(NamedTuple):
    """One line of the access log: the truth that a recording is compared with."""

    method: str
    path: str  # as the browser sent it: still percent-encoded, with its query
    status: int
    body_bytes: int  # of the answer's body; 0 for HEAD


class Head(NamedTuple):
    """What the first lines of a request say."""

    method: str
    path: str  # with its query, as in `Access`
    body_bytes: int  # of the request's body, which follows the head
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back, before HEAD and keep-alive are considered."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    delay_ms: int = 0


class UnreadableRequest(Exception):
    """The request cannot be read, so neither can what follows it on its connection."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


def parse_head(raw: bytes) -> Head:
    """Read a request's head, from its first line to the blank one. Raises UnreadableRequest."""
    first, _, rest = raw.partition(b"\r\n")
    method, path, version = _parse_first_line(first)
    try:
        headers = parse_headers(BytesIO(rest))
    except HTTPException as error:
        raise UnreadableRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE) from error
    if "Transfer-Encoding" in headers:
        raise UnreadableRequest(HTTPStatus.LENGTH_REQUIRED)
    asked = headers.get("Connection", "").lower()
    keep_alive = asked != "close" if version == "HTTP/1.1" else asked == "keep-alive"
    return Head(method, path, _parse_length(headers.get("Content-Length", "0")), keep_alive)


def _parse_first_line(line: bytes) -> tuple[str, str, str]:
    words = line.decode("latin-1").split(" ")
    if len(words) != 3 or not words[1].startswith("/"):
        raise UnreadableRequest(HTTPStatus.BAD_REQUEST)
    if words[2] not in ("HTTP/1.0", "HTTP/1.1"):
        raise UnreadableRequest(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    return words[0], words[1], words[2]


def _parse_length(text: str) -> int:
    # isdecimal alone lets other scripts' digits through, and int() takes "+1" and "1_0".
    if not (text.isascii() and text.isdecimal()):
        raise UnreadableRequest(HTTPStatus.BAD_REQUEST)
    if len(text) > 9 or int(text) > LONGEST_BODY_BYTES:
        raise UnreadableRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(text)


def encode_answer(answer: Answer, *, with_body: bool, keep_alive: bool) -> bytes:
    """The bytes to send. Content-Length is told for HEAD too, as if the body came."""
    fields = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        # Every load reaches the access log: nothing is answered from the browser's cache.
        ("Cache-Control", "no-store"),
        ("Connection", "keep-alive" if keep_alive else "close"),
        *answer.headers,
    ]
    status_line = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"
    head = "\r\n".join([status_line, *(f"{name}: {value}" for name, value in fields), "", ""])
    return head.encode("latin-1") + (answer.body if with_body else b"")

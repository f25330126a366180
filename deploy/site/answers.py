"""What the site answers to which request. Pure: the same question, the same bytes."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

from . import shop
from .wire import Answer

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ico": "image/vnd.microsoft.icon",
}

LONGEST_DELAY_MS = 30_000
MOST_METRES = 2000
LEDGER_ROWS = 480

_CENTS_PER_METRE = {"8 mm": 310, "16 mm": 420, "35 mm": 690}
_HANDLING_CENTS = 2_500
_CLEANING_CENTS_PER_METRE = 90
_NOT_OURS = f"We restore 1 to {MOST_METRES} m of 8, 16 or 35 mm film."
_FAULTS = ("scratch", "dust", "torn perforation", "faded dye", "warp", "old splice")
_RESTORERS = ("A. Lindqvist", "M. Okafor", "J. Haas", "T. Moreau")

Query = Mapping[str, str]


def answer(method: str, path: str, pages: Mapping[str, bytes], body: bytes = b"") -> Answer:
    """Answer one request.

    `path` is as the browser sent it, query included. `pages` maps a path such as
    "/about.html" to that file's bytes; what is not in it does not exist, so no path,
    however it is spelled, reaches another file. `body` is the request's.
    """
    asked, _, query_text = path.partition("?")
    asked = unquote(asked)
    taken = shop.post(asked, body) if method == "POST" else None
    if taken is not None:
        return taken
    if method not in ("GET", "HEAD"):
        return _text(HTTPStatus.METHOD_NOT_ALLOWED, "GET or HEAD, please.", ("Allow", "GET, HEAD"))
    query = {name: values[-1] for name, values in parse_qs(query_text).items()}
    if asked in _ROUTES:
        return _ROUTES[asked](query)
    if asked == "/goods.html":
        return _article(query.get("id", ""), pages)
    return _page("/index.html" if asked == "/" else asked, pages)


def _page(path: str, pages: Mapping[str, bytes]) -> Answer:
    if path in pages and path != "/missing.html":
        return Answer(HTTPStatus.OK, _content_type(path), pages[path])
    return _not_found(pages)


def _article(article_id: str, pages: Mapping[str, bytes]) -> Answer:
    if not shop.has(article_id):
        return _not_found(pages)
    body = shop.fill(pages["/goods.html"], article_id)
    return Answer(HTTPStatus.OK, _content_type(".html"), body)


def _not_found(pages: Mapping[str, bytes]) -> Answer:
    return Answer(HTTPStatus.NOT_FOUND, _content_type(".html"), pages["/missing.html"])


def _content_type(path: str) -> str:
    return CONTENT_TYPES[path[path.rindex(".") :]]


def _text(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{text}\n".encode(), headers)


def _json(status: HTTPStatus, value: object) -> Answer:
    return Answer(status, "application/json", json.dumps(value).encode())


def _old(_query: Query) -> Answer:
    return _text(HTTPStatus.FOUND, "We have moved.", ("Location", "/about.html"))


def _quote(query: Query) -> Answer:
    """A price for `gauge` (a key of _CENTS_PER_METRE) and `metres` (1 to MOST_METRES)."""
    gauge, metres_text = query.get("gauge", "16 mm"), query.get("metres", "120")
    metres = _whole_number(metres_text)
    if gauge not in _CENTS_PER_METRE or metres is None or not 1 <= metres <= MOST_METRES:
        return _json(HTTPStatus.BAD_REQUEST, {"error": _NOT_OURS})
    prices = {
        "Handling and a new can": _HANDLING_CENTS,
        f"Cleaning, {metres} m": metres * _CLEANING_CENTS_PER_METRE,
        f"Scan and repair, {gauge}": metres * _CENTS_PER_METRE[gauge],
    }
    lines = [{"what": what, "cents": cents} for what, cents in prices.items()]
    total_cents = sum(prices.values())
    value = {"gauge": gauge, "metres": metres, "lines": lines, "total_cents": total_cents}
    return _json(HTTPStatus.OK, value)


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _ledger(_query: Query) -> Answer:
    """The repair ledger, a CSV download of about 20 KB."""
    body = "".join(["reel,frame,fault,minutes,restorer\r\n", *map(_ledger_row, range(LEDGER_ROWS))])
    disposition = ("Content-Disposition", 'attachment; filename="report.csv"')
    return Answer(HTTPStatus.OK, "text/csv; charset=utf-8", body.encode(), (disposition,))


def _ledger_row(row: int) -> str:
    # Steps without a common divisor make rows that look uneven and never change.
    fault, restorer = _FAULTS[row * 5 // 3 % 6], _RESTORERS[row * 7 // 5 % 4]
    reel, frame, minutes = row // 24 + 1, row * 37 % 4800, row * 11 % 45 + 5
    return f"RC-1962-{reel:03},{frame:05},{fault},{minutes},{restorer}\r\n"


def _slow(query: Query) -> Answer:
    """An answer after `ms` milliseconds (2000 unless told), for tests of what is under way."""
    delay_ms = _whole_number(query.get("ms", "2000"))
    if delay_ms is None or delay_ms > LONGEST_DELAY_MS:
        return _text(HTTPStatus.BAD_REQUEST, f"ms is 0 to {LONGEST_DELAY_MS}.")
    body = b"Good things take time.\n"
    return Answer(HTTPStatus.OK, "text/plain; charset=utf-8", body, delay_ms=delay_ms)


_ROUTES: dict[str, Callable[[Query], Answer]] = {
    "/old": _old,
    "/api/quote": _quote,
    "/report.csv": _ledger,
    "/slow": _slow,
    "/api/goods": shop.goods,
    "/invoice.pdf": shop.bill,
}

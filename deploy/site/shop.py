"""The shop of the demo site: what it sells, who may sign in, and what it answers. Pure; it keeps nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from .invoice import invoice
from .wire import Answer

Query = Mapping[str, str]


class Article(NamedTuple):
    """One of the goods."""

    name: str
    cents: int
    about: str


GOODS = {
    "viewer": Article("Tabletop viewer, 16 mm", 18_900, "See a reel without a projector."),
    "splicer": Article("Tape splicer, 16 mm", 6_450, "Cuts straight, and never twice."),
    "tape": Article("Splicing tape, 20 m", 1_280, "Clear, thin, perforated."),
    "gloves": Article("Cotton gloves, a pair", 490, "For fingers that leave prints."),
    "can": Article("Archive can, 120 m", 950, "It breathes, so that your film does."),
    "cleaner": Article("Film cleaner, 100 ml", 1_990, "Takes dust and leaves dye."),
}
CUSTOMER = {"email": "ada@example.com", "password": "reel-to-reel", "name": "Ada"}
VAT_PERCENT = 19
_POSTAGE_CENTS = 490


def has(article_id: str) -> bool:
    """Whether there is such an article."""
    return article_id in GOODS


def fill(page: bytes, article_id: str) -> bytes:
    """The page of one article."""
    article = GOODS[article_id]
    shown = {"name": article.name, "about": article.about, "price": f"€{article.cents / 100:,.2f}"}
    for name, text in shown.items():
        page = page.replace(f"{{{{{name}}}}}".encode(), text.encode())
    return page


def goods(query: Query) -> Answer:
    """All articles, those whose name or text holds each word of `q`, or the one with that `id`."""
    words = query.get("q", "").lower().split()
    found = {
        article_id: article
        for article_id, article in GOODS.items()
        if query.get("id", article_id) == article_id and _fits(article, words)
    }
    return _json(HTTPStatus.OK, [{"id": each, **it._asdict()} for each, it in found.items()])


def _fits(article: Article, words: list[str]) -> bool:
    text = f"{article.name} {article.about}".lower()
    return all(word in text for word in words)


def bill(query: Query) -> Answer:
    """The invoice of an `order` of these `goods` (ids with commas), a PDF to keep."""
    ids = [each for each in query.get("goods", "").split(",") if has(each)]
    order = "".join(char for char in query.get("order", "") if char.isalnum() or char == "-")
    if not ids or not order.isascii():
        return _json(HTTPStatus.NOT_FOUND, {"error": "There is no such order."})
    lines = [(GOODS[each].name, GOODS[each].cents) for each in ids] + [("Postage", _POSTAGE_CENTS)]
    body = invoice(f"Invoice {order[:32]}", lines, VAT_PERCENT)
    named = ("Content-Disposition", f'attachment; filename="invoice-{order[:32]}.pdf"')
    return Answer(HTTPStatus.OK, "application/pdf", body, (named,))


def sign_in(given: Any) -> Answer:
    """`email` and `password` of the one customer there is."""
    if any(given.get(name) != CUSTOMER[name] for name in ("email", "password")):
        wrong = "We do not know this address with this password."
        return _json(HTTPStatus.UNAUTHORIZED, {"error": wrong})
    return _json(HTTPStatus.OK, {"name": CUSTOMER["name"]})


def order(given: Any) -> Answer:
    """An order of `goods` (ids); its number follows from what it costs."""
    goods = given.get("goods")
    wanted = goods if isinstance(goods, list) else []
    ids = [each for each in wanted if isinstance(each, str) and has(each)]
    if not ids:
        return _json(HTTPStatus.BAD_REQUEST, {"error": "The cart is empty."})
    cents = sum(GOODS[each].cents for each in ids) + _POSTAGE_CENTS
    return _json(HTTPStatus.CREATED, {"order": f"RC-{cents:06}", "cents": cents})


def post(path: str, body: bytes) -> Answer | None:
    """The answer to a POST of a JSON object; None where nothing is taken."""
    taker = _TAKERS.get(path)
    if taker is None:
        return None
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):  # a hundred thousand brackets are no object either
        given = None
    if not isinstance(given, dict):
        return _json(HTTPStatus.BAD_REQUEST, {"error": "A JSON object, please."})
    return taker(given)


def _json(status: HTTPStatus, value: object) -> Answer:
    return Answer(status, "application/json", json.dumps(value).encode())


_TAKERS: dict[str, Callable[[Any], Answer]] = {"/api/sign-in": sign_in, "/api/orders": order}

"""The shop of the demo site: what it answers to whom."""

from __future__ import annotations

import json
import re

import pytest

from deploy.site.answers import answer
from deploy.site.server import PAGES, read_pages
from deploy.site.shop import CUSTOMER, GOODS
from deploy.site.wire import Answer

SHOP = read_pages(PAGES)


def get(path: str) -> Answer:
    return answer("GET", path, SHOP)


def post(path: str, body: object) -> Answer:
    return answer("POST", path, SHOP, json.dumps(body).encode())


def test_every_article_has_its_page_and_no_other() -> None:
    for article_id, article in GOODS.items():
        page = get(f"/goods.html?id={article_id}")
        assert (page.status, article.name in page.body.decode()) == (200, True)
        assert b"{{" not in page.body
    assert get("/goods.html?id=projector").status == 404
    assert get("/goods.html").status == 404


def test_goods_are_found_by_their_words() -> None:
    found = json.loads(get("/api/goods?q=SPLIC+16").body)
    assert [each["id"] for each in found] == ["splicer"]
    assert len(json.loads(get("/api/goods").body)) == len(GOODS)


def test_who_signs_in_needs_the_password() -> None:
    assert post("/api/sign-in", CUSTOMER).status == 200
    assert post("/api/sign-in", CUSTOMER | {"password": "wrong"}).status == 401
    assert post("/api/sign-in", {}).status == 401


@pytest.mark.parametrize("body", [[], None, 1, "text"])
def test_what_is_no_object_is_refused(body: object) -> None:
    assert post("/api/orders", body).status == 400
    assert answer("POST", "/api/orders", SHOP, b"\xff{").status == 400


@pytest.mark.parametrize("path", ["/api/orders", "/api/sign-in"])
def test_what_is_nested_too_deep_is_refused(path: str) -> None:
    assert answer("POST", path, SHOP, b"[" * 100_000).status == 400
    assert answer("POST", path, SHOP, b'{"goods":' + b"[" * 100_000).status == 400


@pytest.mark.parametrize("goods", [5, None, "tape", {"tape": 1}, [["tape"]], [{}]])
def test_goods_that_are_no_list_of_ids_are_an_empty_cart(goods: object) -> None:
    assert post("/api/orders", {"goods": goods}).status == 400


def test_nothing_else_is_taken() -> None:
    assert post("/index.html", {}).status == 405


def test_an_order_has_an_invoice() -> None:
    ordered = json.loads(post("/api/orders", {"goods": ["tape", "none such", 5]}).body)
    assert ordered["cents"] == GOODS["tape"].cents + 490
    bill = get(f"/invoice.pdf?order={ordered['order']}&goods=tape,nothing")
    assert (bill.status, bill.content_type) == (200, "application/pdf")
    assert GOODS["tape"].name.encode() in bill.body
    assert post("/api/orders", {"goods": []}).status == 400


def test_an_invoice_is_a_whole_pdf() -> None:
    """Each place in its table is that of the object that it names."""
    body = get("/invoice.pdf?order=RC-1&goods=tape").body
    table = int(body.rsplit(b"startxref\n", 1)[1].split()[0])
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n", body[table:])]
    for number, place in enumerate(places, start=1):
        assert body[place:].startswith(b"%d 0 obj" % number)


def test_an_order_cannot_name_the_file() -> None:
    bill = get("/invoice.pdf?order=..%2F%22%0d%0aX:y&goods=tape")
    assert dict(bill.headers)["Content-Disposition"] == 'attachment; filename="invoice-Xy.pdf"'
    assert get("/invoice.pdf?order=x&goods=").status == 404

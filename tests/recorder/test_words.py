"""Words: the same in Python, in the index, and in what is shown."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.search.documents import document, expression
from recorder.search.excerpts import excerpt
from recorder.search.texts import bounded, texts_of
from recorder.search.words import Phrase, Words, folded, wanted
from schemas import codec
from schemas.events import EventData
from schemas.events.connection import CommandError, ConnectionCommand
from schemas.events.console import ConsoleArgument, ConsoleMessage
from schemas.events.input import Element, InputClick
from schemas.events.network import Initiator, NetworkRequest
from schemas.problems import RequestInvalid


def words(q: str) -> Words:
    found = wanted(q)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("q", "text", "found"),
    [
        ("timeout", "TimeoutError: page.goto", True),
        ("TIMEOUT", "TimeoutError: page.goto", True),
        ("error", "TimeoutError: page.goto", False),
        ('"timeout"', "TimeoutError", False),
        ("goto page", "page.goto", True),
        ('"goto page"', "page.goto", False),
        ("page.go", "page.goto", True),
        ("ti", "timeout", False),
        ("ti", "ti amo", True),
        ("add-to-cart", "Add to Cart", True),
        ("https://shop.example/cart", "https://shop.example/cart?x=1", True),
        ("shop.example/chart", "https://shop.example/cart", False),
        ("cafe", "Café", True),
        ("CAFÉ", "cafe", True),
        ("café", "cafe\u0301", True),
        ("strasse", "Straße", True),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", True),
        ("ёлка", "Елка", True),
        ("京都", "東京都庁", True),
        ("京庁", "東京都庁", False),
        ("カート", "ショッピングカートに追加", True),
        ("ตะกร้า", "เพิ่มลงในตะกร้าสินค้า", True),
        ("장바구", "장바구니에 담기", True),
        ("السلة", "أضف إلى السلة", True),
        ("Ｆｕｌｌ", "full width", True),
        ("x" * 64, "x" * 70, True),
    ],
)
def test_what_is_found(q: str, text: str, found: bool) -> None:
    assert words(q).are_in([text]) is found
    assert bool(words(q).marks(text)) is found or " " in q


def test_all_must_be_there_in_any_of_the_texts() -> None:
    assert words("one two").are_in(["two", "one"])
    assert not words("one three").are_in(["two", "one"])
    assert not words('"two one"').are_in(["two", "one"])


@pytest.mark.parametrize(
    "q", ["", " ", '"', "*", '""', "* * *", "-", "( )", "🙂", "\u0301", "\x00"]
)
def test_no_word_is_refused(q: str) -> None:
    with pytest.raises(RequestInvalid, match="no word"):
        wanted(q)


@pytest.mark.parametrize("q", ["x" * 1001, " ".join(f"w{n}" for n in range(33))])
def test_too_much_is_refused(q: str) -> None:
    with pytest.raises(RequestInvalid, match="at most"):
        wanted(q)


def test_what_is_no_word_beside_one_is_nothing() -> None:
    assert words('* error "') == words("error")
    assert words("error error") == words("error")


TEXTS = st.text(
    st.sampled_from('abcABC019 .-_"*\n') | st.sampled_from("éÉßﬁ東京都カＡก์กिकΣς½İ🙂§\u0301\u200d"),
    max_size=30,
)


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE VIRTUAL TABLE found USING fts5 (words, tokenize = 'ascii')")
        yield connection


@given(texts=st.lists(TEXTS, max_size=3), q=TEXTS)
def test_index_guesses_whatever_is_there(
    database: sqlite3.Connection, texts: list[str], q: str
) -> None:
    """It may guess more (a phrase over two texts), never less; and what is there is marked."""
    try:
        sought = words(q)
    except RequestInvalid:
        return
    database.execute("DELETE FROM found")
    database.execute("INSERT INTO found VALUES (?)", ("\n".join(map(folded, texts)),))
    asked = expression(sought, run_id=None, space_id=None, types=())
    matches = "SELECT 1 FROM found WHERE found MATCH ?"
    guessed = database.execute(matches, (asked.whole,)).fetchall()
    assert database.execute(matches, (asked.narrow,)).fetchall() or not guessed
    there = sought.are_in(texts)
    assert guessed or not there
    if len(texts) == 1:
        assert bool(guessed) == there
    if there:
        assert any(segment.marked for segment in excerpt(texts, sought))


def words_of(text: str) -> list[str]:
    """In their order."""
    return re.findall("[a-z0-9]+", text.lower()) if text.isascii() else folded(text).split()


@given(text=TEXTS, prefix=st.booleans())
def test_words_stand_where_it_is_said(text: str, prefix: bool) -> None:
    found = words_of(text)
    for word in found:
        marks = Words((Phrase((word,), prefix),)).marks(text)
        assert len(marks) == sum(
            each.startswith(word) if prefix else each == word for each in found
        )
        for begin, end, _ in marks:
            marked = words_of(text[begin:end])
            assert any(each.startswith(word) if prefix else each == word for each in marked)
        assert marks == sorted(marks)


@given(text=TEXTS)
def test_a_phrase_is_marked_from_its_first_word_to_its_last(text: str) -> None:
    if len(found := words_of(text)) > 1:
        [(begin, end, _)] = Words((Phrase(tuple(found), False),)).marks(text)
        assert words_of(text[begin:end]) == found


def texts(data: EventData, kind: str) -> list[str]:
    return texts_of(kind, "", msgspec.Raw(codec.encode(data)))


def test_texts_of_events_are_what_people_look_for() -> None:
    request = NetworkRequest(
        request_id="1.1",
        method="GET",
        url="https://x/caf%C3%A9?q=%20",
        document_url="https://page/",
        initiator=Initiator(type="parser", url="https://elsewhere/"),
        headers={"accept": "text/secret"},
    )
    assert texts(request, "network.request") == ["GET", "https://x/café?q= "]
    message = ConsoleMessage(
        level="info", text="a", args=[ConsoleArgument(type="string", text="b")]
    )
    assert texts(message, "console.message") == ["a", "b"]
    click = InputClick(x=1, y=2, element=Element(role="button", name="Pay now", tag="b"))
    assert texts(click, "input.click") == ["button", "Pay now"]
    command = ConnectionCommand(
        method="Page.navigate", params={"url": "http://x/", "n": 1}, error=CommandError("no")
    )
    assert texts(command, "connection.command") == ["Page.navigate", "http://x/", "no"]
    image = ConsoleMessage(level="info", text="data:image/png;base64,AAAA")
    assert texts(image, "console.message") == ["data:image/png;base64"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a": {"b": ["x", 1, null]}, "c": "y"}', ["x", "y"]),
        (b'"x"', ["x"]),
        (b"[" * 5000 + b"]" * 5000, []),
        (b'{"a": "\xff"}', []),
        (b"{", []),
    ],
)
def test_agents_may_send_anything(body: bytes, found: list[str]) -> None:
    assert texts_of("custom.thing", "", msgspec.Raw(body)) == found
    assert texts_of("custom.thing", "named", msgspec.Raw(body)) == ["named", *found]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"url": 5, "method": ["GET"], "stack": {"a": "left out"}}', ["GET"]),
        (b'{"url": {"text": "x"}, "method": null}', ["x"]),
        (b'["x"]', []),
        (b'{"headers": ' + b"[" * 5000 + b"]" * 5000 + b"}", []),
        (b'{"method": "GET", "url": ', []),
    ],
)
def test_a_known_type_may_hold_anything(body: bytes, found: list[str]) -> None:
    assert texts_of("network.request", "", msgspec.Raw(body)) == found


@pytest.mark.parametrize(
    ("chars", "texts", "longest", "together"),
    [
        (5000, 4, 2048, 8192),
        (1500, 6, 1500, 8192),
        (200, 32, 200, 6400),
    ],
)
def test_texts_are_bounded(chars: int, texts: int, longest: int, together: int) -> None:
    many = msgspec.Raw(msgspec.json.encode([f"{n:3} ".ljust(chars, "x") for n in range(100)]))
    found = texts_of("custom.thing", "", many)
    assert (len(found), max(map(len, found))) == (texts, longest)
    assert sum(map(len, found)) == together
    assert texts_of("custom.thing", "n" * 10_000, many)[0] == "n" * 2048


def test_each_text_counts_once() -> None:
    assert bounded(["a", "", "b", "a"]) == ["a", "b"]
    assert len(bounded(["x" * 2048] * 50 + [f"{n}" for n in range(50)])) == 32


@given(st.binary(max_size=60))
def test_any_message_makes_a_document_or_none(raw: bytes) -> None:
    document(raw)


def test_excerpt_shows_each_word_once_with_what_stands_around() -> None:
    long = "lead " * 50 + "Here is the needle, and again the needle. " + "trail " * 50
    found = excerpt(["nothing", long, "a second pin"], words("needle pin"))
    text = "".join(segment.text for segment in found)
    assert [segment.text for segment in found if segment.marked] == ["needle", "needle", "pin"]
    assert text.startswith("…")
    assert "Here is the needle, and again" in text
    assert text.endswith("… … a second pin")
    assert len(text) < 400
    assert excerpt(["a\n\tneedle\x1b[31m"], words("needle"))[0].text == "a "

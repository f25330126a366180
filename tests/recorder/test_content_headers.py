"""Which bytes, and under which headers: decided without a store."""

from __future__ import annotations

import re
from email.message import Message
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.api import content
from recorder.api.content import Bytes
from schemas.problems import RangeNotSatisfiable
from schemas.resources import File

TAG = '"abc"'


def file(**others: Any) -> File:
    given: dict[str, Any] = {
        "id": "i",
        "space_id": "s",
        "name": "shot.png",
        "path": "shot.png",
        "content_type": "image/png",
        "size_bytes": 10,
        "sha256": "ab12",
        "source": "runtime",
        "download_url": "",
        "metadata": {},
        "created_at": "2026",
    }
    return File(**(given | others))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("bytes=0-3", Bytes(0, 4, partial=True)),
        ("bytes=4-", Bytes(4, 10, partial=True)),
        ("bytes=-3", Bytes(7, 10, partial=True)),
        ("bytes=-30", Bytes(0, 10, partial=True)),
        ("bytes=0-9", Bytes(0, 10, partial=True)),
        ("bytes=9-99999999999999999999999999", Bytes(9, 10, partial=True)),
        ("BYTES= 1-1 ", Bytes(1, 2, partial=True)),
        ("bytes=00000000000000000000000-1", Bytes(0, 2, partial=True)),
        ("", Bytes(0, 10, partial=False)),
        ("bytes=3-1", Bytes(0, 10, partial=False)),
        ("bytes=0-1,4-5", Bytes(0, 10, partial=False)),
        ("bytes=-", Bytes(0, 10, partial=False)),
        ("bytes=a-b", Bytes(0, 10, partial=False)),
        ("pages=1-2", Bytes(0, 10, partial=False)),
        ("bytes=٣-", Bytes(0, 10, partial=False)),
    ],
)
def test_range(asked: str, found: Bytes) -> None:
    assert content.wanted_bytes({"range": asked}, TAG, 10) == found


@pytest.mark.parametrize(
    "asked", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=" + "9" * 50 + "-"]
)
def test_range_past_the_end(asked: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as problem:
        content.wanted_bytes({"range": asked}, TAG, 10)
    assert problem.value.size_bytes == 10


def test_nothing_has_no_range() -> None:
    assert content.wanted_bytes({"range": "bytes=-5"}, TAG, 0) == Bytes(0, 0, partial=False)
    with pytest.raises(RangeNotSatisfiable):
        content.wanted_bytes({"range": "bytes=0-"}, TAG, 0)


@pytest.mark.parametrize(
    ("if_range", "partial"), [(TAG, True), ('"other"', False), ('W/"abc"', False), ("Sat", False)]
)
def test_range_of_the_content_that_was_begun(if_range: str, partial: bool) -> None:
    asked = {"range": "bytes=1-2", "if-range": if_range}
    assert content.wanted_bytes(asked, TAG, 10).partial is partial


@given(st.text(alphabet="0123456789-, bytes=", max_size=30), st.integers(0, 50))
def test_any_range_is_within_the_content(asked: str, size: int) -> None:
    try:
        found = content.wanted_bytes({"range": asked}, TAG, size)
    except RangeNotSatisfiable:
        return
    assert 0 <= found.first <= found.end <= size
    assert found.partial or (found.first, found.end) == (0, size)


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (None, False),
        ("", False),
        (TAG, True),
        (f"W/{TAG}", True),
        (f'"x", {TAG}', True),
        ("*", True),
        ('"x"', False),
        ("abc", False),
    ],
)
def test_known(given: str | None, known: bool) -> None:
    assert content.is_known(given, TAG) is known


@pytest.mark.parametrize(
    ("said", "shown", "how"),
    [
        ("image/png", "image/png", "inline"),
        ("IMAGE/PNG", "IMAGE/PNG", "inline"),
        ("text/plain", "text/plain; charset=utf-8", "inline"),
        ("text/plain; charset=latin-1", "text/plain; charset=latin-1", "inline"),
        ("application/json", "application/json", "inline"),
        ("text/html", "text/html", "attachment"),
        ("image/svg+xml", "image/svg+xml", "attachment"),
        ("application/pdf", "application/pdf", "attachment"),
        ("text/xml", "text/xml", "attachment"),
        ("multipart/x-mixed-replace; boundary=x", "application/octet-stream", "attachment"),
        ("image/png\r\nset-cookie: a=b", "application/octet-stream", "attachment"),
        ("image/png, text/html", "application/octet-stream", "attachment"),
        ("", "application/octet-stream", "attachment"),
        ("x", "application/octet-stream", "attachment"),
    ],
)
def test_type(said: str, shown: str, how: str) -> None:
    found = content.headers(file(content_type=said))
    assert found["content-type"] == shown
    assert found["content-disposition"].startswith(f"{how}; ")


def test_nothing_in_it_acts() -> None:
    found = content.headers(file())
    assert found["content-security-policy"] == "sandbox; default-src 'none'"
    assert found["x-content-type-options"] == "nosniff"
    assert found["etag"] == '"ab12"'


def test_tag_of_no_digest() -> None:
    assert content.etag(file(sha256='a"\r\nb')) == '"ab"'


def named(name: str) -> tuple[str, str]:
    """How clients read the header: the plain name, and the one that they use."""
    message = Message()
    message["content-disposition"] = content.disposition(name, "attachment")
    header = str(message["content-disposition"])
    extended = re.search(r"filename\*=UTF-8''([^;]+)$", header)
    plain = re.search(r'filename="([^"]*)"', header)
    assert plain
    return plain[1], unquote(extended[1]) if extended else plain[1]


@pytest.mark.parametrize(
    ("name", "plain", "shown"),
    [
        ("a b.txt", "a b.txt", "a b.txt"),
        ("../../etc/passwd", "passwd", "passwd"),
        ("C:\\Windows\\x.dll", "x.dll", "x.dll"),
        ('a"; filename="b.exe', "a__ filename=_b.exe", 'a"; filename="b.exe'),
        ("über.pdf", "_ber.pdf", "über.pdf"),
        ("100%.pdf", "100_.pdf", "100%.pdf"),
        ("a\r\nset-cookie: x", "aset-cookie_ x", "aset-cookie: x"),
        ("evil\u202egnp.exe", "evilgnp.exe", "evilgnp.exe"),
        ("\x1b[31mred\x00", "_31mred", "[31mred"),
        ("..", "file", "file"),
        ("", "file", "file"),
        ("a/", "file", "file"),
        (" .hidden. ", "hidden", "hidden"),
        ("\ud800x", "x", "x"),
    ],
)
def test_name(name: str, plain: str, shown: str) -> None:
    assert named(name) == (plain, shown)


@given(st.text(max_size=50))
def test_any_name_is_one_header(name: str) -> None:
    header = content.disposition(name, "attachment")
    assert re.fullmatch(r"[\x20-\x7e]+", header)
    plain, shown = named(name)
    assert plain
    assert not set("/\\") & set(shown)
    assert shown not in (".", "..")

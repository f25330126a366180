from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from schemas.events.connection import ConnectionCommand
from schemas.events.console import ConsoleMessage
from schemas.events.network import NetworkResponse
from schemas.events.page import PageError, PageOpened, StackFrame
from schemas.events.tool import ToolCallStarted
from schemas.types import (
    HEADERS_LIMIT_BYTES,
    JSON_LIMIT_BYTES,
    PARAMS_LIMIT_BYTES,
    TEXT_LIMIT_BYTES,
    TITLE_LIMIT_BYTES,
    URL_LIMIT_BYTES,
)
from worker.limits import cut, cut_text

# Anything a Python string can hold: NUL and lone surrogates too.
any_text = st.text(st.characters(codec=None, exclude_categories=()))
# Long enough to be cut, with characters of one to four bytes where the cut falls.
long_text = st.builds(
    lambda filling, times, tail: filling * times + tail,
    st.sampled_from(["a", "é", "€", "😀"]),
    st.integers(0, 40_000),
    any_text,
)
names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20)
headers = st.dictionaries(names, st.text() | long_text.filter(str.isprintable), max_size=6)


def is_clean(text: str) -> bool:
    return "\0" not in text and text == text.encode("utf-8", "ignore").decode()


@given(any_text, st.integers(0, 64))
def test_cut_text_is_within_its_limit_and_clean(text: str, limit: int) -> None:
    short = cut_text(text, limit)
    assert len(short.encode()) <= limit
    assert is_clean(short)


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.integers(0, 64)
)
def test_cut_text_loses_no_more_than_it_must(text: str, limit: int) -> None:
    short = cut_text(text, limit)
    assert text.startswith(short)
    assert short == text or limit - 3 <= len(short.encode()) <= limit


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("aé", 2, "a"),
        ("😀😀", 7, "😀"),
        ("a\0b", 9, "a\ufffdb"),
        ("a\ud800b", 9, "a\ufffdb"),
        ("", 0, ""),
    ],
)
def test_cut_text(text: str, limit: int, short: str) -> None:
    assert cut_text(text, limit) == short


@given(long_text, long_text)
def test_truncated_tells_exactly_the_fields_that_were_changed(text: str, url: str) -> None:
    before = ConsoleMessage(level="info", text=text, url=url)
    after = cut(before)
    changed = {name for name in ("text", "url") if getattr(after, name) != getattr(before, name)}
    assert set(after.truncated or {}) == changed
    for name in changed:
        assert (after.truncated or {})[name] == len(
            getattr(before, name).encode("utf-8", "surrogatepass")
        )
    assert len(after.text.encode()) <= TEXT_LIMIT_BYTES
    assert len(after.url.encode()) <= URL_LIMIT_BYTES
    assert is_clean(after.text)
    assert is_clean(after.url)


@given(headers)
def test_headers_are_within_their_limit_in_their_order(given_headers: dict[str, str]) -> None:
    before = NetworkResponse(request_id="1", url="", http_status=200, headers=given_headers)
    after = cut(before)
    assert isinstance(after.headers, dict)
    assert sum(len(n.encode()) + len(v.encode()) for n, v in after.headers.items()) <= (
        HEADERS_LIMIT_BYTES
    )
    assert list(after.headers) == list(given_headers)[: len(after.headers)]
    assert ("headers" in (after.truncated or {})) == (after.headers != given_headers)
    assert msgspec.json.decode(msgspec.json.encode(after), type=NetworkResponse) == after


def test_what_is_within_its_limits_is_the_same_object() -> None:
    data = ConsoleMessage(level="info", text="short", stack=[StackFrame(url="http://a/")])
    assert cut(data) is data
    assert data.truncated is UNSET


@pytest.mark.parametrize("unclean", ["a\0b", "a\ud800b"])
def test_a_short_body_is_looked_at_all_the_same(unclean: str) -> None:
    assert cut(ConsoleMessage(level="info", text=unclean)).text == "a\ufffdb"
    told = cut(PageError(message="no", stack=[StackFrame(url=unclean)])).truncated
    assert told == {"stack": len(unclean.encode("utf-8", "surrogatepass"))}


def test_a_limit_is_met_exactly() -> None:
    for text in ("x" * TEXT_LIMIT_BYTES, "é" * (TEXT_LIMIT_BYTES // 2)):
        data = ConsoleMessage(level="info", text=text)
        assert cut(data) is data
        assert len(cut(ConsoleMessage(level="info", text=text + "y")).text.encode()) == (
            TEXT_LIMIT_BYTES
        )


def test_nested_fields_are_cut_and_told_under_the_outer_name() -> None:
    frame = StackFrame(function_name="f" * (TITLE_LIMIT_BYTES + 1), url="u" * 7)
    error = cut(PageError(message="no", stack=[frame, StackFrame()]))
    assert isinstance(error.stack, list)
    assert len(error.stack[0].function_name) == TITLE_LIMIT_BYTES
    assert error.truncated == {"stack": TITLE_LIMIT_BYTES + 1 + 7}


def test_truncated_speaks_the_names_on_the_wire() -> None:
    opened = cut(NetworkResponse(request_id="1", url="", http_status=200, status_text="x" * 2000))
    assert opened.truncated == {"statusText": 2000}


def test_what_was_truncated_before_stays_told() -> None:
    before = PageOpened(url="u" * (URL_LIMIT_BYTES + 1), truncated={"title": 5})
    assert cut(before).truncated == {"title": 5, "url": URL_LIMIT_BYTES + 1}


@given(st.dictionaries(names, st.integers() | st.booleans() | long_text, max_size=6))
def test_parameters_are_within_their_limit_and_numbers_stay(
    params: dict[str, str | int | float | bool],
) -> None:
    after = cut(ConnectionCommand(method="A.b", params=params))
    assert isinstance(after.params, dict)
    texts = {name: value for name, value in after.params.items() if isinstance(value, str)}
    assert sum(len(n.encode()) + len(v.encode()) for n, v in texts.items()) <= PARAMS_LIMIT_BYTES
    assert all(is_clean(value) for value in texts.values())
    for name, value in params.items():
        assert isinstance(value, str) or after.params[name] == value
    assert ("params" in (after.truncated or {})) == (after.params != params)


def _called(value: Any) -> ToolCallStarted:
    given = msgspec.Raw(msgspec.json.encode(value))
    return ToolCallStarted(tool_call_id="1", tool="x", input=given)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": "x" * 20_000}, {"a": "x" * 1024 + "…"}),
        ({"a": [0] * 20_000}, {"a": [*[0] * 64, "… 19936 more"]}),
        ({str(n): "y" * 90 for n in range(200)}, {**{str(n): "y" * 90 for n in range(64)}, "…": "136 more"}),
        ({"a": "b\0c"}, {"a": "b\ufffdc"}),
    ],
)  # fmt: skip
def test_json_is_cut_to_something_that_says_so(value: Any, kept: Any) -> None:
    before = _called(value)
    after = cut(before)
    assert isinstance(before.input, msgspec.Raw)
    assert isinstance(after.input, msgspec.Raw)
    assert msgspec.json.decode(after.input) == kept
    assert after.truncated == {"input": len(bytes(before.input))}


def test_json_that_is_all_structure_is_counted_only() -> None:
    value: Any = ["x" * 16] * 8
    for _ in range(4):
        value = [value] * 8
    after = cut(_called(value))
    size = len(msgspec.json.encode(value))
    assert isinstance(after.input, msgspec.Raw)
    assert bytes(after.input) == b'"[%d bytes]"' % size


json_values = st.recursive(
    st.none() | st.integers(-(2**31), 2**31) | st.text(max_size=3000),
    lambda each: st.lists(each, max_size=5) | st.dictionaries(st.text("ab"), each, max_size=5),
)


@given(json_values)
def test_json_is_within_its_limit(value: Any) -> None:
    before = _called(value)
    after = cut(before)
    assert isinstance(after.input, msgspec.Raw)
    assert len(bytes(after.input)) <= JSON_LIMIT_BYTES
    assert "\0" not in str(msgspec.json.decode(after.input))
    assert cut(after) is after

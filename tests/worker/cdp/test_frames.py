from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.cdp import frames

SESSION = b"0123456789ABCDEF0123456789ABCDEF"

sessions = st.text("0123456789ABCDEF", min_size=32, max_size=32).map(str.encode)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
calls = st.fixed_dictionaries({"id": st.integers(), "method": st.text(), "params": values})


def as_client(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


@given(calls, sessions)
def test_a_session_put_on_comes_off_again(call: dict[str, Any], session: bytes) -> None:
    message = as_client(call)
    on = frames.with_session(message, session)
    assert frames.session_of(on) == session
    assert json.loads(on) == call | {"sessionId": session.decode()}
    assert frames.without_session(on) == message


@given(calls)
def test_a_message_without_session_has_none(call: dict[str, Any]) -> None:
    assert frames.session_of(as_client(call)) is None


@given(sessions)
def test_a_page_cannot_write_itself_a_session(session: bytes) -> None:
    said = f',"sessionId":"{session.decode()}"}}'
    for message in ({"result": said}, {"result": {"sessionId": session.decode()}}):
        assert frames.session_of(as_client(message)) is None


@pytest.mark.parametrize("end", [b"", b"\n", b" \t\r\n"])
def test_blanks_after_a_clients_message_do_no_harm(end: bytes) -> None:
    on = frames.with_session(b'{"id":1,"method":"A.b"}' + end, SESSION)
    assert json.loads(on) == {"id": 1, "method": "A.b", "sessionId": SESSION.decode()}


@pytest.mark.parametrize(
    ("message", "method"),
    [
        (b'{"method":"Page.frameNavigated","params":{}}', b"Page.frameNavigated"),
        (b'{"id":1,"result":{"method":"no"}}', None),
        (b'{"id":1,"error":{}}', None),
    ],
)
def test_method_of(message: bytes, method: bytes | None) -> None:
    assert frames.method_of(message) == method


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb'"a\ud800b"', "a\ufffdb"),
        (rb'"a\udc00"', "a\ufffd"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\ud83d\ud83d\ude00\ude00"', "\ufffd😀\ufffd"),
        (rb'"\\ud800"', r"\ud800"),
        (rb'"\\\ud800"', "\\\ufffd"),
        (rb'"\\\\ud800"', r"\\ud800"),
        (rb'"\uD800\uDBFF\uDFFF"', "\ufffd\U0010ffff"),
    ],
)
def test_repaired(written: bytes, read: str) -> None:
    assert msgspec.json.decode(frames.repaired(written)) == read


# Text as a page may build it: any UTF-16 units, in any order, with backslashes and escapes between.
units = st.lists(
    st.sampled_from(["\\", "u", "d8", '"', "a"])
    | st.integers(0xD800, 0xDFFF).map(chr)
    | st.characters(),
    max_size=30,
).map("".join)


@given(units)
def test_what_is_repaired_can_always_be_read(text: str) -> None:
    written = json.dumps({"text": text}).encode()
    read = msgspec.json.decode(frames.repaired(written))["text"]
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert read.replace("\ufffd", "") == whole.replace("\ufffd", "")


@given(st.text())
def test_what_is_whole_is_not_touched(text: str) -> None:
    written = json.dumps({"text": text}).encode()
    assert frames.repaired(written) == written


_event = msgspec.json.Decoder(dict[str, Any])


@given(st.binary())
def test_decode_raises_nothing_else_than_msgspec_errors(message: bytes) -> None:
    with contextlib.suppress(msgspec.MsgspecError):
        frames.decode(_event, message)


def test_bytes_that_are_not_utf_8_are_a_decode_error() -> None:
    with pytest.raises(msgspec.DecodeError, match="not UTF-8"):
        frames.decode(_event, b'{"method":"\xff"}')


def test_a_body_of_another_shape_is_told_as_such() -> None:
    with pytest.raises(msgspec.ValidationError):
        frames.decode(_event, b"[]")


def test_the_id_of_an_answer() -> None:
    assert frames.answered_id(b'{"id":17,"result":{"id":18}}') == 17
    assert frames.answered_id(b'{"id":-3,"error":{}}') == -3
    for message in (b'{"id":17}', b'{"id":"a","result":{}}', b'{"method":"A.b","params":{}}'):
        with pytest.raises(msgspec.DecodeError):
            frames.answered_id(message)

"""JSON values lose their secrets: in texts, in members, and beside names."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.tool import ToolCallFinished
from worker.redact import redact, redact_json
from worker.secret_shapes import REDACTED


def _json(value: Any) -> Any:
    return msgspec.json.decode(redact_json(msgspec.Raw(msgspec.json.encode(value))))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"password": "a", "pin": 4}, {"password": REDACTED, "pin": 4}),
        ({"token": {"deep": ["a"]}, "tokens": 3}, {"token": REDACTED, "tokens": 3}),
        ({"token": "", "secret": None, "cookie": True}, {"token": "", "secret": None, "cookie": True}),
        ([["https://u:p@a.test/?token=b"]], [[f"https://{REDACTED}@a.test/?token={REDACTED}"]]),
        ({"name": "sessionid", "value": "b"}, {"name": "sessionid", "value": REDACTED}),
        ({"name": "color", "value": "b"}, {"name": "color", "value": "b"}),
        ({"key": "password", "value": 5}, {"key": "password", "value": REDACTED}),
        ({"said": "password: abc"}, {"said": f"password: {REDACTED}"}),
        ({"password=abc": 1}, {f"password={REDACTED}": 1}),
        ("Bearer abcdefgh1", f"Bearer {REDACTED}"),
        (7, 7),
    ],
)  # fmt: skip
def test_any_json_value_loses_its_secrets(value: Any, told: Any) -> None:
    assert _json(value) == told


@pytest.mark.parametrize("unreadable", [b'"\\ud800"', b"{", b"[" * 100_000 + b"]" * 100_000])
def test_json_that_cannot_be_read_is_not_told(unreadable: bytes) -> None:
    assert bytes(redact_json(msgspec.Raw(unreadable))) == b'"[unreadable]"'


def test_pairs_are_kept_where_headers_are() -> None:
    cookies = msgspec.Raw(b'{"cookies":[{"name":"sid","value":"a"}],"password":"b"}')
    event = ToolCallFinished(tool_call_id="1", tool="cookies", output=cookies)
    told = redact(event, keep_headers=True)
    assert _output(told) == {
        "cookies": [{"name": "sid", "value": "a"}],
        "password": REDACTED,
    }
    (cookie,) = _output(redact(event))["cookies"]
    assert cookie["value"] == REDACTED


def _output(event: ToolCallFinished) -> Any:
    assert isinstance(event.output, msgspec.Raw)
    return msgspec.json.decode(event.output)


json_values = st.recursive(
    st.none() | st.integers(-5, 5) | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
)


@given(json_values)
def test_redacting_json_twice_changes_nothing_more(value: Any) -> None:
    once = _json(value)
    assert _json(once) == once

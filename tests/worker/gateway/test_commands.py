from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.runtime_config import Record
from worker.gateway.commands import is_told, summary

ACTING = Record()
ALL = Record(cdp="all")
TYPED = Record(input_text=True)


def told(params: object, record: Record = ACTING) -> dict[str, Any]:
    return summary(msgspec.Raw(msgspec.json.encode(params)), record)


@pytest.mark.parametrize(
    "method",
    [
        "Page.navigate", "Input.dispatchMouseEvent", "Runtime.evaluate", "DOM.setFileInputFiles",
        "Browser.setDownloadBehavior", "Page.handleJavaScriptDialog", "Emulation.setTimezoneOverride",
    ],
)  # fmt: skip
def test_what_acts_is_told(method: str) -> None:
    assert is_told(method, ACTING)


@pytest.mark.parametrize("method", ["Page.enable", "Target.setAutoAttach", "Novel.thing", ""])
def test_what_asks_and_listens_is_told_where_all_is_wanted(method: str) -> None:
    assert not is_told(method, ACTING)
    assert is_told(method, ALL)


@pytest.mark.parametrize(
    ("params", "summarised"),
    [
        ({"url": "http://a.test/", "transitionType": "typed"},) * 2,
        ({"x": 1.5, "y": 2, "mobile": True, "nothing": None}, {"x": 1.5, "y": 2, "mobile": True}),
        (
            {"expression": "document.title", "awaitPromise": False},
            {"expressionBytes": 14, "awaitPromise": False},
        ),
        (
            {"files": ["/home/me/secret.txt"], "backendNodeId": 7},
            {"filesCount": 1, "backendNodeId": 7},
        ),
        ({"headers": {"Authorization": "x"}}, {"headersBytes": 21}),
        ({"frameId": "F", "novelty": "hunter2"}, {"frameId": "F", "noveltyBytes": 7}),
        ({"not a name": 1}, {}),
        ([1], {}),
        (None, {}),
    ],
)
def test_parameters_are_told_by_what_they_are(params: object, summarised: object) -> None:
    assert told(params) == summarised


@pytest.mark.parametrize("params", [b"", b"{", b'{"a":}', b'{"url":"\xff"}'])
def test_what_cannot_be_read_is_not_told(params: bytes) -> None:
    assert summary(msgspec.Raw(params), ALL) == {}


def test_there_may_be_many() -> None:
    assert len(told({f"a{number}": number for number in range(100)})) == 32


KEY = {
    "type": "keyDown",
    "key": "q",
    "code": "KeyQ",
    "text": "q",
    "unmodifiedText": "q",
    "windowsVirtualKeyCode": 81,
    "modifiers": 0,
}


def test_what_is_typed_is_not_told() -> None:
    assert told(KEY) == {"type": "keyDown", "textChars": 1, "modifiers": 0}
    assert told({"text": "hunter2"}) == {"textChars": 7}
    assert told({"accept": True, "promptText": "hunter2"}) == {"accept": True, "promptTextChars": 7}


@pytest.mark.parametrize("order", [("text", "textChars"), ("textChars", "text")])
def test_what_is_computed_is_not_what_a_client_says(order: tuple[str, str]) -> None:
    params = {"text": "hunter2", "textChars": 2**60}
    assert told({name: params[name] for name in order}) == {"textChars": 7}


def test_unless_that_is_wanted() -> None:
    assert told(KEY, TYPED) == KEY
    assert told({"text": "hunter2"}, TYPED) == {"text": "hunter2"}


def test_a_key_that_types_nothing_is() -> None:
    assert told({"type": "keyDown", "key": "Enter", "code": "Enter", "text": "\r"}) == {
        "type": "keyDown",
        "key": "Enter",
        "textChars": 1,
    }


names = st.sampled_from(
    ["text", "key", "code", "value", "source", "password", "promptText", "postData", "cookies"]
)
secrets = st.sampled_from(["S3cr3tQ", "xS3cr3tQx"])
values = st.recursive(
    secrets | st.integers(),
    lambda some: st.lists(some) | st.dictionaries(names, some),
    max_leaves=5,
)


@given(st.dictionaries(names, values, max_size=5))
def test_no_text_that_is_not_known_to_be_harmless_is_told(params: dict[str, Any]) -> None:
    assert b"S3cr3tQ" not in msgspec.json.encode(told(params, ALL))

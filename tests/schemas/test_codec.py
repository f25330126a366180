from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from schemas.codec import (
    EventFromTheFuture,
    EventUnreadable,
    decode_data,
    decode_event,
    encode,
    encode_event,
)
from schemas.envelope import Event, recorder_source, sequence_text, worker_source
from schemas.events.console import ConsoleMessage
from schemas.events.page import PageOpened

REQUIRED = {
    "id": "1",
    "source": "/workers/w1",
    "type": "page.opened",
    "time": "2026-11-22T01:44:00.123Z",
    "spaceid": "s",
    "data": {"url": "http://a/"},
}


def message(**others: Any) -> bytes:
    return msgspec.json.encode(REQUIRED | others)


@given(st.text(), st.text(), st.none() | st.integers(0))
def test_an_event_comes_back_as_it_was(text: str, url: str, line: int | None) -> None:
    data = ConsoleMessage(
        level="info", text=text, url=url, line_number=UNSET if line is None else line
    )
    event = Event(
        id="1",
        source=worker_source("w1"),
        type="console.message",
        time="2026-11-22T01:44:00.123Z",
        spaceid="s",
        runid="r",
        sequence=sequence_text(7),
        data=msgspec.Raw(encode(data)),
    )
    again = decode_event(encode_event(event))
    assert again == event
    assert again.number == 7
    assert decode_data(again) == data


def test_a_message_on_the_wire() -> None:
    event = decode_event(message(runid="r", sequence="000000000042", status="started"))
    assert msgspec.json.decode(encode_event(event)) == REQUIRED | {
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "dataversion": 1,
        "runid": "r",
        "sequence": "000000000042",
        "status": "started",
    }


@pytest.mark.parametrize(
    "unreadable",
    [
        b"",
        b"text",
        b"[]",
        b"{}",
        b"\xff",
        message(id=7),
        message(dataversion="one"),
        message(id="\xff").replace("\xff".encode(), b"\xff"),
        msgspec.json.encode({k: v for k, v in REQUIRED.items() if k != "data"}),
    ],
)
def test_a_message_that_is_no_event_of_ours(unreadable: bytes) -> None:
    with pytest.raises(EventUnreadable):
        decode_event(unreadable)


@given(st.binary())
def test_nothing_else_is_raised(anything: bytes) -> None:
    try:
        decode_data(decode_event(anything))
    except (EventUnreadable, EventFromTheFuture):
        return


def test_attributes_that_we_do_not_know_are_passed_over() -> None:
    assert decode_event(message(traceparent="00-x", fromthefuture={"a": 1})).id == "1"


def test_an_unknown_type_is_kept_and_not_read() -> None:
    event = decode_event(message(type="from.the.future", dataversion=9))
    assert decode_data(event) is None
    assert bytes(event.data) == b'{"url":"http://a/"}'


def test_a_newer_version_of_a_known_type_is_told_apart() -> None:
    with pytest.raises(EventFromTheFuture, match="version 2; this program reads up to 1"):
        decode_data(decode_event(message(dataversion=2)))


def test_fields_of_the_future_in_a_body_of_today_are_passed_over() -> None:
    event = decode_event(message(data={"url": "http://a/", "novelty": 1}))
    assert decode_data(event) == PageOpened(url="http://a/")


@pytest.mark.parametrize("data", [{}, {"url": 7}, [], None, "x"])
def test_a_body_that_does_not_fit_its_type(data: Any) -> None:
    with pytest.raises(EventUnreadable, match=r"page\.opened"):
        decode_data(decode_event(message(data=data)))


def test_a_body_that_is_not_utf_8() -> None:
    raw = message(data={"url": "#"}).replace(b"#", b"\xff")
    with pytest.raises(EventUnreadable):
        decode_data(decode_event(raw))


def test_who_wrote_it() -> None:
    assert decode_event(message()).by_worker
    assert not decode_event(message(source=recorder_source("r1"))).by_worker


def test_numbers_sort_as_text() -> None:
    numbers = [1, 2, 10, 99, 100, 10**11]
    assert sorted(map(sequence_text, reversed(numbers))) == list(map(sequence_text, numbers))
    assert decode_event(message()).number == 0


@pytest.mark.parametrize("field", ["data", "extra"])
def test_what_is_nested_too_deep_is_unreadable(field: str) -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    body = message().removesuffix(b"}") + b',"' + field.encode() + b'":' + deep + b"}"
    with pytest.raises(EventUnreadable):
        decode_event(body)


@pytest.mark.parametrize("version", [0, -1])
def test_version_that_there_never_was(version: int) -> None:
    with pytest.raises(EventUnreadable):
        decode_data(decode_event(message(dataversion=version)))


@pytest.mark.parametrize("event_type", ["page.opened", "unheard.of"])
def test_body_that_cannot_be_passed_on(event_type: str) -> None:
    body = message(type=event_type).replace(b"http://a/", b"\xff")
    with pytest.raises(EventUnreadable):
        decode_data(decode_event(body))

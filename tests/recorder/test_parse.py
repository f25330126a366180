"""Queries, bodies and cursors, without a server."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.api import parse, sse
from recorder.api.door import host_name
from recorder.api.runs import RunsQuery
from recorder.api.runtimes import RuntimesQuery
from recorder.queries.cursors import cursor, place_key, time_key
from schemas.problems import CursorInvalid, RequestInvalid

PLACES = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"", []),
        (b"status=a", ["a"]),
        (b"status=a&status=b", ["a", "b"]),
        (b"status=a,b&status=c", ["a", "b", "c"]),
        (b"status[]=a&status%5B%5D=b", ["a", "b"]),
        (b"status=", []),
        (b"unknown=1", []),
    ],
)
def test_lists(text: bytes, status: list[str]) -> None:
    assert parse.query(text, RunsQuery).status == status


@pytest.mark.parametrize(
    ("text", "metadata"),
    [
        (b"", {}),
        (b"metadata.a=1&metadata[b]=2", {"a": "1", "b": "2"}),
        (b"metadata.a.b=1&metadata[c.d]=,", {"a.b": "1", "c.d": ","}),
        (b"metadata%5Ba%5D=1&metadata.%C3%BC=", {"a": "1", "ü": ""}),
        (b"metadata[a[b]]=1", {"a[b]": "1"}),
        (b"metadata.a[]=1", {"a[]": "1"}),
        (b"metadata.=1&metadata[=1&other.a=1", {}),
    ],
)
def test_objects(text: bytes, metadata: dict[str, str]) -> None:
    assert parse.query(text, RuntimesQuery).metadata == metadata


@pytest.mark.parametrize("text", [b"metadata=1", b"metadata[]=1", b"metadata.a=1&metadata[a]=1"])
def test_objects_that_are_none(text: bytes) -> None:
    with pytest.raises(RequestInvalid) as raised:
        parse.query(text, RuntimesQuery)
    assert raised.value.details is not None
    assert raised.value.details["path"].startswith("$.metadata")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02T03:04:05.678+01:00", "2026-01-02T02:04:05.678Z"),
        ("2026-01-02T03:04:05 01:00", "2026-01-02T02:04:05.000Z"),
    ],
)
def test_times(text: str, normal: str) -> None:
    assert parse.time(text, "$.since") == normal


@given(text=st.text())
def test_any_text_is_a_time_or_a_complaint(text: str) -> None:
    with suppress(RequestInvalid):
        assert parse.time(text, "$.since")


@settings(deadline=None)  # a busy machine is no fault of the parser
@given(raw=st.binary())
def test_any_bytes_are_a_query_or_a_complaint(raw: bytes) -> None:
    with suppress(RequestInvalid):
        parse.query(raw, RunsQuery)


@given(epoch=PLACES, position=PLACES)
def test_places_come_back(epoch: int, position: int) -> None:
    assert place_key("x", cursor("x", (epoch, position))) == (epoch, position)


@given(time=st.text(), name=st.text())
def test_times_come_back(time: str, name: str) -> None:
    given = cursor("x", (time, name))
    assert time_key("x", given) == (time, name)
    for wrong in (lambda: time_key("y", given), lambda: place_key("x", given)):
        with pytest.raises(CursorInvalid):
            wrong()


@given(text=st.text())
def test_any_text_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorInvalid):
        place_key("x", text)


@given(text=st.text())
def test_a_frame_is_three_lines_for_everyone(text: str) -> None:
    frame = sse.frame("run.event", {"text": text}, "1").decode()
    assert len(frame.splitlines()) == 4
    assert frame.endswith("}\n\n")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("a.example", "a.example"),
        ("A.example:80", "a.example"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
    ],
)
def test_host_names(host: str, name: str) -> None:
    assert host_name(host) == name

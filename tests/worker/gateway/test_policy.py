"""How a client's message is read: it costs little, whatever it is made of."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.gateway.area import Area
from worker.gateway.policy import (
    MOST_DEPTH,
    MOST_PARTS,
    Refuse,
    Unreadable,
    _check_shape,
    read_call,
)
from worker.gateway.table import verdict
from worker.gateway.table.rules import MOST_BYTES

texts = st.text(alphabet='ab"\\[]{},:é\n', max_size=6)
values = st.recursive(
    texts | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


def depth_of(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0)


@given(values, st.booleans())
def test_the_depth_is_that_of_the_brackets_outside_of_strings(value: Any, ascii_only: bool) -> None:
    around = MOST_DEPTH - depth_of(value)
    siblings: list[Any] = [[]] * MOST_DEPTH  # so many brackets that they have to be looked at
    text = json.dumps([value, siblings], ensure_ascii=ascii_only).encode()
    deepest = b"[" * (around - 1) + text + b"]" * (around - 1)
    if depth_of(value) >= 2:
        _check_shape(deepest)
        with pytest.raises(ValueError, match="nested deeper"):
            _check_shape(b"[" + deepest + b"]")


def called(params: bytes, method: bytes = b"Runtime.evaluate") -> bytes:
    return b'{"id":1,"method":"%s","params":%s}' % (method, params)


def test_what_is_made_of_many_parts_is_not_made_into_objects() -> None:
    message = called(b'{"a":[' + b"[]," * 1_000_000 + b"[]]}")
    tracemalloc.start()
    try:
        read_call(message)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(message)


@pytest.mark.parametrize("part", [b"[],", b"0,", b'"",'])
def test_of_too_many_parts_it_is_no_call(part: bytes) -> None:
    with pytest.raises(Unreadable, match="parts"):
        read_call(called(b'{"a":[' + part * MOST_PARTS + b"[]]}"))
    read_call(called(b'{"a":"' + part.replace(b'"', rb"\"") * MOST_PARTS + b'"}'))


@pytest.mark.parametrize("url", [b'"%s"' % (b"x" * MOST_BYTES), b"[" + b"[]," * 200_000 + b"[]]"])
def test_what_is_judged_by_its_parameters_is_not_large(url: bytes) -> None:
    decided = verdict(read_call(called(b'{"url":%s}' % url, b"Page.navigate")), Area(Path("/")))
    assert isinstance(decided, Refuse)
    assert "too large" in decided.reason


def test_what_is_dragged_may_be_larger() -> None:
    params = b'{"data":{"items":[{"mimeType":"text/plain","data":"%s"}]}}' % (b"x" * 2 * MOST_BYTES)
    decided = verdict(read_call(called(params, b"Input.dispatchDragEvent")), Area(Path("/")))
    assert not isinstance(decided, Refuse)

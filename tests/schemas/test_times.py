from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import milliseconds, milliseconds_between, rfc3339

# Until the year 9999.
moments = st.integers(0, 253_402_300_799_999)


@given(moments, st.integers(0, 999_999))
def test_a_time_comes_back_to_the_millisecond(at_ms: int, rest_ns: int) -> None:
    text = rfc3339(at_ms * 1_000_000 + rest_ns)
    assert milliseconds(text) == at_ms
    assert datetime.fromisoformat(text).utcoffset().total_seconds() == 0  # type: ignore[union-attr]


@given(moments, moments)
def test_times_sort_as_text(one: int, other: int) -> None:
    assert (rfc3339(one * 10**6) < rfc3339(other * 10**6)) == (one < other)


@given(moments, st.integers(0, 10**12))
def test_between_two_times(start: int, lasts: int) -> None:
    end = min(start + lasts, 253_402_300_799_999)
    first, last = rfc3339(start * 10**6), rfc3339(end * 10**6)
    assert milliseconds_between(first, last) == end - start
    assert milliseconds_between(last, first) == 0


def test_as_the_contract_writes_it() -> None:
    assert rfc3339(1_795_311_840_123_999_999) == "2026-11-22T01:44:00.123Z"
    assert milliseconds("2026-11-22T02:44:00.123+01:00") == 1_795_311_840_123


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        milliseconds(text)
    assert milliseconds_between(text, "2026-11-22T01:44:00.123Z") == 0
    assert milliseconds_between("2026-11-22T01:44:00.123Z", text) == 0

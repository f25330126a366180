from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.tools.extraction import Extraction
from worker.tools.failures import Failed


def _shaped(kind: str, found: Any, **more: Any) -> Any:
    schema = {"type": "object", "properties": {"it": {"type": kind, "x-selector": "b"} | more}}
    return Extraction(schema).shaped({"it": found})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("$1,234.50", 1234.5),
        ("1.234,50 €", 1234.5),
        ("12,5 kg", 12.5),
        ("1,234", 1234),
        ("1.234.567", 1234567),
        ("1\u202f234", 1234),
        ("−3.5 °C", -3.5),
        ("CHF 1'000.-", 1000),
        ("about 20 of 30", 20),
    ],
)
def test_numbers_as_people_write_them(text: str, number: float) -> None:
    assert _shaped("number", text) == {"it": number}


@pytest.mark.parametrize("text", ["none", "twenty"])
def test_a_text_without_a_number_does_not_fit(text: str) -> None:
    with pytest.raises(Failed) as failed:
        _shaped("integer", text)
    assert failed.value.code == "invocation.output_mismatch"
    assert failed.value.details is not None
    assert failed.value.details["errors"][0]["path"] == "it"


def test_what_is_not_there_is_left_out_or_null() -> None:
    assert _shaped("string", None) == {}
    optional = {"type": ["string", "null"]}
    assert _shaped("string", None, **optional) == {"it": None}


def test_a_pattern_without_end_takes_no_time() -> None:
    with pytest.raises(Failed):
        _shaped("string", "a" * 50_000 + "!", pattern="^(a+)+$")


def test_an_array_of_texts_is_that_of_its_items() -> None:
    schema = {
        "type": "object",
        "properties": {"all": {"type": "array", "items": {"type": "string", "x-selector": "li"}}},
    }
    extraction = Extraction(schema)
    assert extraction.plan.members["all"].selector == "li"
    assert extraction.shaped({"all": ["a", "b"]}) == {"all": ["a", "b"]}


json_values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)  # fmt: skip


@given(json_values)
def test_whatever_a_page_says_it_fits_or_is_refused(found: Any) -> None:
    """The page may tamper with what is read; so nothing else than these may come of it."""
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "integer", "x-selector": "b"},
            "b": {"type": "array", "items": {"type": "number", "x-selector": "li"}},
        },
    }
    refused = ""
    shaped: Any = {"a": 0}
    try:
        shaped = Extraction(schema).shaped(found)
    except Failed as failed:
        refused = failed.code
    assert refused in ("", "invocation.output_mismatch")
    assert isinstance(shaped["a"], int)

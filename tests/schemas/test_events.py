from __future__ import annotations

import re

import msgspec
import pytest

from schemas.codec import decode_data, decode_event, encode_event
from schemas.events import CATEGORIES, EVENT_TYPES, EventData, EventType, category_of, type_of
from schemas.events.custom import Custom
from tests.support.worker_examples import in_envelope, largest, smallest

EACH = pytest.mark.parametrize("spec", EVENT_TYPES.values(), ids=lambda spec: spec.name)
MAKES = pytest.mark.parametrize("make", [smallest, largest])


def test_types_are_unique() -> None:
    structs = [spec.struct for spec in EVENT_TYPES.values()]
    assert len(set(structs)) == len(structs)
    assert [spec.name for spec in EVENT_TYPES.values()] == list(EVENT_TYPES)
    assert {*structs, Custom} == set(EventData.__subclasses__())


@EACH
def test_a_type_says_what_it_is(spec: EventType) -> None:
    own = spec.struct.__dict__.get("__doc__") or ""
    assert re.match(r"[A-Z].*\.", own), spec.name
    assert spec.category in CATEGORIES
    assert spec.version >= 1
    assert re.fullmatch(r"[a-z]+(\.[a-z]+)*", spec.name)


@EACH
def test_names_on_the_wire_are_camel_case(spec: EventType) -> None:
    for name in spec.struct.__struct_encode_fields__:
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]*|[0-9])*", name), name


@EACH
@MAKES
def test_every_event_comes_back_as_it_was(spec: EventType, make: object) -> None:
    assert callable(make)
    data = make(spec)
    assert type_of(data) is spec
    event = decode_event(encode_event(in_envelope(spec, data)))
    assert decode_data(event) == data


@EACH
def test_what_is_not_there_is_not_on_the_wire(spec: EventType) -> None:
    written = msgspec.to_builtins(smallest(spec))
    fields = msgspec.structs.fields(spec.struct)
    required = {field.encode_name for field in fields if field.required}
    filled = {field.encode_name for field in fields if callable(field.default_factory)}
    assert required <= set(written) <= required | filled


@pytest.mark.parametrize(
    ("event_type", "category"),
    [
        ("network.request", "network"),
        ("runtime.lifecycle", "lifecycle"),
        ("network.from.the.future", "network"),
        ("captcha.solved", "captcha"),
        ("something.else", "runtime"),
        ("", "runtime"),
    ],
)
def test_category_of(event_type: str, category: str) -> None:
    assert category_of(event_type) == category

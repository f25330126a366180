from __future__ import annotations

from typing import Annotated, Any

import pytest
from msgspec import UNSET, Meta, Struct, UnsetType, inspect, structs

from schemas.events import EVENT_TYPES
from schemas.events.console import ConsoleMessage
from schemas.events.network import NetworkRequest
from schemas.types import TEXT_LIMIT_BYTES, URL_LIMIT_BYTES, Headers, Text, Url
from worker.field_kinds import FieldKind, changed, kinds_of


class Inner(Struct, frozen=True):
    url: Url = ""
    line: int = 0


class Outer(Struct, frozen=True, kw_only=True):
    plain: str = ""
    limited: Annotated[str, Meta(max_length=3)] = ""
    text: Text | UnsetType = UNSET
    headers: Headers | None = None
    inner: Inner | UnsetType = UNSET
    many: list[Inner] | UnsetType = UNSET


def shout(kind: str, _limit_bytes: int, value: Any) -> Any:
    return {**value, "shouted": "yes"} if kind == "headers" else f"{kind}:{value}"


def test_kinds_are_read_from_the_annotations() -> None:
    assert [(field.name, field.kind) for field in kinds_of(Outer)] == [
        ("plain", "plain"),
        ("limited", "plain"),
        ("text", "text"),
        ("headers", "headers"),
        ("inner", "nested"),
        ("many", "nested"),
    ]
    assert kinds_of(Inner) == (FieldKind("url", "url", URL_LIMIT_BYTES),)


def test_events_have_the_kinds_that_redaction_lives_by() -> None:
    assert FieldKind("text", "text", TEXT_LIMIT_BYTES) in kinds_of(ConsoleMessage)
    kinds = {field.name: field.kind for field in kinds_of(NetworkRequest) if field.kind != "plain"}
    assert kinds == {
        "url": "url",
        "document_url": "url",
        "initiator": "nested",
        "headers": "headers",
    }


@pytest.mark.parametrize("spec", EVENT_TYPES.values(), ids=lambda spec: spec.name)
def test_every_field_that_is_named_like_a_url_or_headers_is_declared_as_one(spec: Any) -> None:
    kinds = {field.name: field.kind for field in kinds_of(spec.struct)}
    for name in spec.struct.__struct_fields__:
        if name.endswith("headers"):
            assert kinds.get(name) == "headers", name
        elif name.endswith("url") and name != "gateway_url":  # our own address
            assert kinds.get(name) == "url", name


def test_each_such_field_is_changed_nested_ones_too() -> None:
    before = Outer(
        plain="p", limited="l", text="t", headers={"a": "b"}, inner=Inner("u"), many=[Inner("v")]
    )
    assert changed(before, shout) == Outer(
        plain="plain:p",
        limited="plain:l",
        text="text:t",
        headers={"a": "b", "shouted": "yes"},
        inner=Inner("url:u"),
        many=[Inner("url:v")],
    )


@pytest.mark.parametrize("spec", EVENT_TYPES.values(), ids=lambda spec: spec.name)
def test_no_text_of_an_event_is_without_a_limit(spec: Any) -> None:
    limited = {field.name for field in kinds_of(spec.struct)}
    texts = {
        field.name
        for field in structs.fields(spec.struct)
        if isinstance(inspect.type_info(field.type), inspect.StrType)
    }
    assert texts <= limited


def test_what_is_empty_or_left_out_is_not_touched() -> None:
    empty = Outer(text="", headers={}, inner=Inner(), many=[])
    assert changed(empty, shout) is empty
    assert changed(Outer(), shout) == Outer()


def test_what_does_not_change_is_the_same_object() -> None:
    before = Outer(text="t", headers={"a": "b"}, inner=Inner("u"))
    assert changed(before, lambda _kind, _limit, value: value) is before
    assert changed(before, _made_anew) is before


def _made_anew(_kind: str, _limit: int, value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value[:1] + value[1:]

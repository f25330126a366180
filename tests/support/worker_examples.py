"""Bodies of every event type, made from the structs themselves."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import NODEFAULT, UnsetType, inspect

from schemas.codec import encode
from schemas.envelope import Event, sequence_text, worker_source
from schemas.events import EventData, EventType


def smallest(spec: EventType) -> EventData:
    """Only what must be there."""
    data: EventData = _made(spec.struct, full=False)
    return data


def largest(spec: EventType) -> EventData:
    """Everything that may be there."""
    data: EventData = _made(spec.struct, full=True)
    return data


def in_envelope(spec: EventType, data: EventData) -> Event:
    """The body as an event."""
    return Event(
        id="01a1f1b3-9de6-7000-8000-0123456789ab",
        source=worker_source("w1"),
        type=spec.name,
        time="2026-11-22T01:44:00.123Z",
        spaceid="s",
        runid="r",
        runtimeid="t",
        sequence=sequence_text(1),
        dataversion=spec.version,
        data=msgspec.Raw(encode(data)),
    )


def _made(struct: type[Any], *, full: bool) -> Any:
    given = {
        field.name: _value(inspect.type_info(field.type), full=full)
        for field in msgspec.structs.fields(struct)
        if full or (field.default is NODEFAULT and field.default_factory is NODEFAULT)
    }
    return struct(**given)


SCALARS: dict[type[inspect.Type], object] = {
    inspect.BoolType: True,
    inspect.IntType: 7,
    inspect.FloatType: 7.5,
    inspect.RawType: msgspec.Raw(b'{"some":["text",7]}'),
}


def _value(info: inspect.Type, *, full: bool) -> Any:
    match info:
        case inspect.Metadata(extra_json_schema={"examples": [example, *_]}):
            return example
        case inspect.Metadata():
            return _value(info.type, full=full)
        case inspect.UnionType():
            return _value(next(t for t in info.types if not _is_nothing(t)), full=full)
        case inspect.StructType():
            return _made(info.cls, full=full)
        case inspect.ListType():
            return [_value(info.item_type, full=full)]
        case inspect.TupleType():
            return tuple(_value(each, full=full) for each in info.item_types)
        case inspect.DictType():
            return {"a-name": _value(info.value_type, full=full)}
        case inspect.LiteralType():
            return info.values[-1]
    return SCALARS.get(type(info), "some-text")


def _is_nothing(info: inspect.Type) -> bool:
    return isinstance(info, inspect.NoneType) or info == inspect.type_info(UnsetType)

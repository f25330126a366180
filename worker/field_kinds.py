"""Which fields of an event are URLs, headers, JSON or free text, read once from the annotations in `schemas`. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, inspect

S = TypeVar("S", bound=Struct)

# A text that says of itself nothing else: ids, methods, MIME types. Pages choose some of them, so they have a limit.
PLAIN = "plain"
PLAIN_LIMIT_BYTES = 1024

# Given a field's kind, its limit in bytes and its value: the value to store.
Change = Callable[[str, int, Any], Any]


class FieldKind(Struct, frozen=True):
    """A field to look at: of a `kind` with a limit, or holding structs that have such fields (kind `nested`)."""

    name: str
    kind: str
    limit_bytes: int = 0


@cache
def kinds_of(struct: type[Struct]) -> tuple[FieldKind, ...]:
    """The fields of a struct that something must be done to."""
    kinds = []
    for field in msgspec.structs.fields(struct):
        kind = _kind(field.name, inspect.type_info(field.type))
        if kind is not None:
            kinds.append(kind)
    return tuple(kinds)


def _kind(name: str, info: inspect.Type) -> FieldKind | None:
    if isinstance(info, inspect.Metadata):
        return FieldKind(name, **(info.extra or {})) if info.extra else _kind(name, info.type)
    if isinstance(info, inspect.UnionType):
        return next((kind for part in info.types if (kind := _kind(name, part))), None)
    if isinstance(info, inspect.ListType):
        return _kind(name, info.item_type)
    if isinstance(info, inspect.StructType):
        return FieldKind(name, "nested")
    if isinstance(info, inspect.StrType):
        return FieldKind(name, PLAIN, PLAIN_LIMIT_BYTES)
    return None


def changed(value: S, change: Change) -> S:
    """The struct with `change` applied to each such field, nested ones too; itself when nothing changes."""
    replaced: dict[str, Any] | None = None
    for name, kind, limit_bytes in _plan(type(value)):
        before = getattr(value, name)
        if not before:  # nor is UNSET true
            continue
        if kind == "nested":
            after = _changed_nested(before, change)
        elif isinstance(before, list):
            after = [change(kind, limit_bytes, each) for each in before]
        else:
            after = change(kind, limit_bytes, before)
        if after is not before and after != before:
            replaced = replaced or {}
            replaced[name] = after
    return msgspec.structs.replace(value, **replaced) if replaced else value


@cache
def _plan(struct: type[Struct]) -> tuple[tuple[str, str, int], ...]:
    """`kinds_of` as plain tuples: this is walked for every event."""
    return tuple((field.name, field.kind, field.limit_bytes) for field in kinds_of(struct))


def _changed_nested(before: Any, change: Change) -> Any:
    if isinstance(before, list):
        after = [changed(item, change) for item in before]
        return after if any(map(operator.is_not, after, before)) else before
    return changed(before, change)

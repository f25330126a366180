"""Requests' queries and bodies into structs. Pure; every complaint names the field by its path."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, TypeVar, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from schemas.problems import RequestInvalid
from schemas.times import rfc3339

T = TypeVar("T")

_PATH = re.compile(r" - at `(.+)`$")
_MEMBER = re.compile(r"(?P<object>\w+)(?:\.(?P<dotted>.+)|\[(?P<bracketed>.+)\])", re.DOTALL)
MOST_FIELDS = 1000


def body(raw: bytes, kind: type[T], *, at: str = "$") -> T:
    """A JSON body, or the part of one that stands `at` a path; an empty one counts as `{}`. Raises RequestInvalid."""
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(error, at) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(at, f"The body is not JSON in UTF-8: {error}") from error


def convert(value: object, kind: type[T], *, at: str) -> T:
    """What a part of a body comes to; `at` is its path. Raises RequestInvalid."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _invalid(error, at) from error


def query(raw: bytes, kind: type[T]) -> T:
    """A query string. A list is a parameter repeated, or its values with commas between them; a member
    of an object is a parameter of its own, `name.key` or `name[key]`.
    """
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
        given = _fields(pairs, _made_of(list, kind), _made_of(dict, kind))
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error
    except ValueError as error:
        raise invalid("$", f"The query is not valid: {error}") from error


def time(text: str | None, path: str) -> str | None:
    """An RFC 3339 time in the form that the tables keep. Raises RequestInvalid."""
    if text is None:
        return None
    try:
        # A `+` that was not escaped comes as a blank.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if moment.tzinfo is None:
            raise ValueError("it names no time zone")
        return rfc3339(round(moment.timestamp() * 1000) * 1_000_000)
    except (ValueError, OverflowError) as error:
        raise invalid(path, f"{path} is not an RFC 3339 time: {error}") from error


def invalid(path: str, message: str) -> RequestInvalid:
    """What is wrong, and where."""
    return RequestInvalid(message, details={"path": path})


def _invalid(error: msgspec.ValidationError, at: str = "$") -> RequestInvalid:
    text = str(error)
    found = _PATH.search(text)
    path = at + (found.group(1) if found else "$").removeprefix("$")
    what = text[: found.start()] if found else text
    return invalid(path, f"{path}: {what}")


def _made_of(origin: type[Any], kind: type[Any]) -> set[str]:
    """Names, as a request spells them, of the fields that are lists, or objects."""
    hints = get_type_hints(kind)
    fields = msgspec.structs.fields(kind)
    return {field.encode_name for field in fields if get_origin(hints[field.name]) is origin}


def _fields(pairs: list[tuple[str, str]], lists: set[str], objects: set[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    members: dict[str, dict[str, Any]] = {}
    for spelled, value in pairs:
        name = spelled.removesuffix("[]")
        if name in lists:
            given.setdefault(name, []).extend(part for part in value.split(",") if part)
        elif (member := _member(spelled)) and member[0] in objects:
            of_one = members.setdefault(member[0], {})
            # A member has one value: two of them are no text, and so are refused.
            of_one[member[1]] = [value] if member[1] in of_one else value
        else:
            given[name] = value
    return {**given, **members}


def _member(spelled: str) -> tuple[str, str] | None:
    """The object and the name in it that `a.b` and `a[b]` mean; b may have dots."""
    found = _MEMBER.fullmatch(spelled)
    return (found["object"], found["dotted"] or found["bracketed"]) if found else None

"""The texts of an event that people would look for: URLs, messages, titles, errors, names. Pure.

What a field is follows from its type (`schemas.types`). Identifiers, headers, stacks, and the URL of the page a request
belongs to are left out: by that, one page's URL would find each of its requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Raw, inspect

from schemas.events import EVENT_TYPES

MOST_CHARS = 2048  # of one text
MOST_TEXTS = 32
MOST_CHARS_OF_ALL = 8192  # of one event: whoever searches looks at hundreds
SEARCHED = ("url", "text", "params", "json")
# Kinds say nothing of these, and people know them by name.
NAMED = frozenset(
    {
        "action", "blocked_reason", "code", "cors_error", "dialog_type", "entry_call", "method", "reason", "role",
    }
)  # fmt: skip
LEFT_OUT = frozenset({"document_url", "initiator", "stack", "tag", "truncated"})

# What is taken of an object: by its members' names as they stand in JSON, a kind or what is taken of an object there.
Picks = Mapping[str, "str | Picks"]


def texts_of(event_type: str, name: str, data: Raw) -> list[str]:
    """An event's texts, as `bounded` leaves them; URLs as one reads them (`%C3%A9` is é)."""
    found = [name]
    reader = _reader(event_type)
    try:  # it may be anything
        reader.read(data, found)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return bounded(found)
    return bounded(found)


def bounded(texts: Iterable[str]) -> list[str]:
    """The first of them, each once: 32 at most, 2,048 characters of each, 8,192 in all."""
    found: list[str] = []
    room = MOST_CHARS_OF_ALL
    for each in texts:
        text = each if len(each) <= MOST_CHARS <= room else each[: min(MOST_CHARS, room)]
        if text and text not in found:
            found.append(text)
            room -= len(text)
            if not room or len(found) == MOST_TEXTS:
                break
    return found


class _Whole:
    """Reads all that there is: of a type that is not known, and an agent's own."""

    def read(self, data: Raw, found: list[str]) -> None:
        _pick(msgspec.json.decode(data), "json", found)


class _Members:
    """Reads what is taken of a body, and skips the rest before it is made into anything: most of it."""

    def __init__(self, picks: Mapping[str, str | Picks]) -> None:
        fields = [(name, Any, None) for name in picks]
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Body", fields))
        self._picks = tuple(picks.items())

    def read(self, data: Raw, found: list[str]) -> None:
        if not self._picks:
            return
        body = self._decoder.decode(data)
        for name, taken in self._picks:
            value = getattr(body, name)
            if value.__class__ is str:
                found.append(_as_read(value, taken))
            elif value is not None:
                _pick(value, taken, found)


def _pick(value: Any, picks: str | Picks, found: list[str]) -> None:
    """Add the texts that are to be taken of a value."""
    if isinstance(value, str):
        found.append(_as_read(value, picks))
    elif isinstance(value, list):
        for each in value:
            _pick(each, picks, found)
    elif isinstance(value, dict):
        if isinstance(picks, str):
            for each in value.values():
                _pick(each, picks, found)
        else:
            for name, taken in picks.items():
                _pick(value.get(name), taken, found)


def _as_read(text: str, picks: str | Picks) -> str:
    if text.startswith("data:"):  # what comes after the comma is no text
        return text.partition(",")[0]
    return unquote(text[: 4 * MOST_CHARS]) if picks == "url" and "%" in text else text


def _reader(event_type: str) -> _Members | _Whole:
    spec = EVENT_TYPES.get(event_type)
    return _reader_of(spec.struct) if spec else _WHOLE


@cache
def _reader_of(struct: type) -> _Members:
    kind = inspect.type_info(struct)
    assert isinstance(kind, inspect.StructType)
    return _Members(_of_struct(kind))


def _of_struct(struct: inspect.StructType) -> Mapping[str, str | Picks]:
    found = {}
    for field in struct.fields:
        if field.name in LEFT_OUT:
            continue
        taken = "text" if field.name in NAMED else _of_type(field.type)
        if taken:
            found[field.encode_name] = taken
    return found


def _of_type(kind: inspect.Type) -> str | Picks | None:
    match kind:
        case inspect.Metadata(extra={"kind": str(name)}):
            return name if name in SEARCHED else None
        case inspect.UnionType(types=types):
            return next((taken for each in types if (taken := _of_type(each))), None)
        case inspect.ListType(item_type=item):
            return _of_type(item)
        case inspect.StructType():
            return _of_struct(kind)
    return None


_WHOLE = _Whole()

"""Cuts what is too long, and repairs what no UTF-8 or C string can hold, and says so in `truncated`. Pure."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw

from schemas.codec import encode
from schemas.events import EventData
from schemas.types import TITLE_LIMIT_BYTES
from worker.field_kinds import PLAIN_LIMIT_BYTES, FieldKind, changed, kinds_of

D = TypeVar("D", bound=EventData)

SHORTEST_LIMIT_BYTES = min(PLAIN_LIMIT_BYTES, TITLE_LIMIT_BYTES)
NUL_IN_JSON = b"\\u0000"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def cut(data: D) -> D:
    """The body within its limits. `truncated` maps each field that was ever cut to its original bytes."""
    if _is_short(data):
        return data
    within = changed(data, _cut_field)
    if within is data:
        return data
    truncated = dict(data.truncated or {})
    for field in kinds_of(type(data)):
        before = getattr(data, field.name)
        if getattr(within, field.name) != before:
            truncated.setdefault(_wire_name(type(data), field), size_of(before))
    return msgspec.structs.replace(within, truncated=truncated or UNSET)


def _is_short(data: EventData) -> bool:
    """Whether the whole body is shorter than any limit of a part, and clean: encoding it is the quickest way to ask."""
    try:
        body = encode(data)
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return len(body) <= SHORTEST_LIMIT_BYTES and NUL_IN_JSON not in body


def _cut_field(kind: str, limit_bytes: int, value: Any) -> Any:
    if kind == "headers":
        return _cut_headers(value, limit_bytes)
    if kind == "params":
        return _cut_params(value, limit_bytes)
    return cut_json(value, limit_bytes) if kind == "json" else cut_text(value, limit_bytes)


def cut_text(text: str, limit_bytes: int) -> str:
    """The text itself when it fits and is clean; else cut on a character's boundary, NUL and surrogates replaced."""
    if len(text) <= limit_bytes and text.isascii() and "\0" not in text:
        return text
    clean = _UNSTORABLE.sub("\ufffd", text)
    encoded = clean.encode()
    if len(encoded) > limit_bytes:
        return encoded[:limit_bytes].decode("utf-8", "ignore")
    return text if clean == text else clean


def _cut_headers(headers: dict[str, str], limit_bytes: int) -> dict[str, str]:
    """Headers in their order, each cut, until the limit is reached."""
    whole = "".join((*headers, *headers.values()))
    if len(whole) <= limit_bytes and whole.isascii() and "\0" not in whole:
        return headers
    kept: dict[str, str] = {}
    left = limit_bytes
    for name, value in headers.items():
        short = cut_text(value, max(0, left - len(name.encode())))
        left -= len(name.encode()) + len(short.encode())
        if left < 0:
            break
        kept[name] = short
    return headers if kept == headers else kept


def _cut_params(params: dict[str, Any], limit_bytes: int) -> dict[str, Any]:
    """Parameters in their order, texts cut, until the limit is reached; numbers are as short as they can be."""
    texts = {name: value for name, value in params.items() if isinstance(value, str)}
    kept = _cut_headers(texts, limit_bytes)
    if kept is texts:
        return params
    return {
        name: kept.get(name, value)
        for name, value in params.items()
        if name in kept or name not in texts
    }


def cut_json(raw: Raw, limit_bytes: int) -> Raw:
    """The JSON value itself when it fits and is clean; else with its texts and lists cut, which they say themselves.

    Where even that is too long, and where it cannot be read, a text in its place says how long it was.
    """
    written = bytes(raw)
    if len(written) <= limit_bytes and NUL_IN_JSON not in written:
        return raw
    try:
        value = msgspec.json.decode(written)
        for text_bytes, members in _JSON_CUTS if len(written) > limit_bytes else _JSON_WHOLE:
            short = msgspec.json.encode(_cut_value(value, text_bytes, members))
            if len(short) <= limit_bytes:
                return Raw(short)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    return Raw(msgspec.json.encode(f"[{len(written)} bytes]"))


# So many bytes of each text, and so many members of each list and object: the first that fits is taken.
_JSON_CUTS = ((1024, 64), (256, 32), (64, 16), (16, 8))
_JSON_WHOLE = ((2**31, 2**31), *_JSON_CUTS)
_MORE = "…"


def _cut_value(value: Any, text_bytes: int, members: int) -> Any:
    if isinstance(value, str):
        short = cut_text(value, text_bytes)
        return short + _MORE if len(short) < len(value) else short
    if not isinstance(value, list | dict):
        return value
    more = len(value) - members
    if isinstance(value, list):
        kept = [_cut_value(each, text_bytes, members) for each in value[:members]]
        return [*kept, f"{_MORE} {more} more"] if more > 0 else kept
    some = {
        cut_text(name, text_bytes): _cut_value(each, text_bytes, members)
        for name, each in islice(value.items(), members)
    }
    return some | {_MORE: f"{more} more"} if more > 0 else some


def size_of(value: Any) -> int:
    """Bytes of a value in UTF-8; what holds several texts is counted as their sum."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, Raw):
        return len(bytes(value))
    if isinstance(value, dict):
        return sum(size_of(name) + size_of(each) for name, each in value.items())
    if isinstance(value, list):
        return sum(size_of(item) for item in value)
    if isinstance(value, msgspec.Struct):
        return sum(size_of(getattr(value, name)) for name in value.__struct_fields__)
    return 0


def _wire_name(struct: type[EventData], field: FieldKind) -> str:
    names = dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    return names[field.name]

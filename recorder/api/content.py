"""How a file's content is given over HTTP: which bytes of it, and under which headers. Pure.

What browsers wrote was chosen by the pages they were on. So nothing is shown in place but what cannot act, and what
is shown or saved runs nothing: `sandbox`, `default-src 'none'`, `nosniff`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from schemas.problems import RangeNotSatisfiable
from schemas.resources import File

# Pictures and plain text. No PDF: browsers do not show one in a sandbox. No SVG or HTML: those are programs.
SHOWN_IN_PLACE = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain", "application/json"}
)
UNKNOWN_TYPE = "application/octet-stream"
HARMLESS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "private, no-cache",
}

_WORD = r"[A-Za-z0-9!#$&^_.+-]{1,100}"
_TYPE = re.compile(rf"({_WORD}/{_WORD})(?:; ?charset=[A-Za-z0-9_-]{{1,40}})?")
_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?("[^"]*")|\*')
_MOST_DIGITS = 18
# What changes how a name reads, or that a line or a path ends: Cc, Cf, Cs, Zl, Zp.
_NOT_IN_NAMES = ("C", "Zl", "Zp")


class Bytes(NamedTuple):
    """From `first` up to `end`, which is left out; `partial` where that is not all of it."""

    first: int
    end: int
    partial: bool


def headers(file: File) -> dict[str, str]:
    """Those of any answer about this content, whichever bytes it has."""
    kind = content_type(file.content_type)
    shown = kind.partition(";")[0].lower() in SHOWN_IN_PLACE
    return {
        **HARMLESS,
        "content-type": kind,
        "content-disposition": disposition(file.name, "inline" if shown else "attachment"),
        "accept-ranges": "bytes",
        "etag": etag(file),
    }


def etag(file: File) -> str:
    """The content's own: two files that hold the same have the same."""
    return f'"{re.sub("[^0-9A-Za-z]", "", file.sha256)}"'


def content_type(said: str) -> str:
    """The type that was said, if it is one. Text is UTF-8 unless it says otherwise."""
    found = _TYPE.fullmatch(said)
    if found is None:
        return UNKNOWN_TYPE
    return f"{said}; charset=utf-8" if said.lower() == "text/plain" else said


def disposition(name: str, how: str) -> str:
    """RFC 6266, with the name in ASCII for old clients and, where that is not all of it, by RFC 8187."""
    shown = safe_name(name)
    plain = re.sub(r"[^A-Za-z0-9 ._()+,=@~-]", "_", shown)
    extended = "" if plain == shown else f"; filename*=UTF-8''{quote(shown, safe='')}"
    return f'{how}; filename="{plain}"{extended}'


def safe_name(name: str) -> str:
    """The last part of it, with nothing in it that a terminal, a header or a person would read otherwise."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(
        each for each in last if not unicodedata.category(each).startswith(_NOT_IN_NAMES)
    )
    return kept.strip(" .") or "file"


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has this content already."""
    if not if_none_match:
        return False
    found = _ETAG.finditer(if_none_match)
    return any(each.group() == "*" or each.group(1) == tag for each in found)


def wanted_bytes(given: Mapping[str, str], tag: str, size_bytes: int) -> Bytes:
    """Which bytes a GET with these headers is answered with. Raises RangeNotSatisfiable.

    One range is honoured. Several are answered with all: nobody needs the other way to say it. So is one that is
    no range, and one with an `If-Range` of another content.
    """
    whole = Bytes(0, size_bytes, partial=False)
    found = _RANGE.fullmatch(given.get("range", ""))
    if found is None or given.get("if-range", tag) != tag:
        return whole
    first, last = (_number(each) for each in found.groups())
    if first is None:
        return whole if last is None else _last_bytes(last, whole)
    if last is not None and last < first:
        return whole
    if first >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    end = size_bytes if last is None else min(last + 1, size_bytes)
    return Bytes(first, end, partial=True)


def _last_bytes(count: int, whole: Bytes) -> Bytes:
    if count == 0:
        raise RangeNotSatisfiable(whole.end)
    if whole.end == 0:  # no Content-Range can say which bytes those are
        return whole
    return Bytes(max(0, whole.end - count), whole.end, partial=True)


def _number(digits: str) -> int | None:
    """A very long one is beyond the end of anything."""
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def range_headers(wanted: Bytes, size_bytes: int) -> dict[str, str]:
    """Those that say which bytes an answer has."""
    length = {"content-length": str(wanted.end - wanted.first)}
    if not wanted.partial:
        return length
    return {**length, "content-range": f"bytes {wanted.first}-{wanted.end - 1}/{size_bytes}"}

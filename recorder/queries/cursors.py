"""Cursors: opaque to users, and bound to the list that gave them out. Pure.

A cursor is base64url of `[version, list, *key]`, where the key is that of the last row of a page:
the next page begins after it, whatever has been added since (keyset, never OFFSET).
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2s
from typing import TypeVar

import msgspec

from schemas.problems import CursorInvalid

K = TypeVar("K")

VERSION = 1
TimeKey = tuple[str, str]
PlaceKey = tuple[int, int]


def cursor(of: str, key: tuple[str, str] | tuple[int, int]) -> str:
    """The cursor after `key` in the list named `of`."""
    text = msgspec.json.encode([VERSION, _tag(of), *key])
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def time_key(of: str, text: str) -> TimeKey:
    """The (time, id) that a cursor of the list `of` stands for. Raises CursorInvalid."""
    return _key(of, text, tuple[int, str, str, str])


def place_key(of: str, text: str) -> PlaceKey:
    """The (epoch, position) that a cursor of the list `of` stands for. Raises CursorInvalid."""
    return _key(of, text, tuple[int, str, int, int])


def _key(of: str, text: str, kind: type[tuple[int, str, K, K]]) -> tuple[K, K]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, tag, first, second = msgspec.json.decode(raw, type=kind)
    except (binascii.Error, ValueError) as error:
        raise _invalid() from error
    if (version, tag) != (VERSION, _tag(of)) or not _fits(first, second):
        raise _invalid()
    return first, second


def _tag(of: str) -> str:
    return blake2s(of.encode(), digest_size=4).hexdigest()


def _fits(*key: object) -> bool:
    return all(not isinstance(part, int) or 0 <= part < 2**63 for part in key)


def _invalid() -> CursorInvalid:
    return CursorInvalid(details={"path": "$.cursor"})

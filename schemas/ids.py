"""Ids that must be the same everywhere, and the shape of the others.

Ids are UUIDv7, made where the thing is made (`uuid_utils.uuid7`). Only ids that several writers must agree on without
asking each other are derived here.
"""

from __future__ import annotations

import re
from hashlib import sha1
from uuid import UUID

# A valid UUIDv7 of the year 1970: every recorder of every fleet names the default space alike.
DEFAULT_SPACE_ID = "00000000-0000-7000-8000-000000000001"
DEFAULT_SPACE_ALIAS = "default"
ORGANIZATION_ID = "00000000-0000-7000-8000-000000000000"

# The first API key, which is a setting and no fact.
FIRST_KEY_ID = "8b0be97d-28cc-58ff-8bb1-36f617ae565c"

_SPACE = UUID("5d0c1b0e-6f1e-5a53-9c53-2f4c7c1f7a10").bytes
_TOKEN = re.compile(r"[a-z0-9_-]{1,64}")


def derived_id(*about: str) -> str:
    """The id of what anyone derives alike from a log: the same words give the same UUIDv5."""
    return _uuid(about, version=5)


def fact_id(*about: str) -> str:
    """The id of a fact that any of several recorders may write: the same words give the same UUIDv8.

    Everybody can work it out before. So no worker may give an id of this version (`is_fact_id`): its event would be
    taken for the fact, and the fact for a copy.
    """
    return _uuid(about, version=8)


def is_fact_id(text: str) -> bool:
    """Whether it is of the kind that only recorders give."""
    return len(text) == 36 and text[14] == "8"


def _uuid(about: tuple[str, ...], version: int) -> str:
    digest = bytearray(sha1(_SPACE + "\x1f".join(about).encode(), usedforsecurity=False).digest())
    digest[6] = digest[6] & 0x0F | version << 4
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()  # `uuid5` says the same, and takes three times as long
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"


def is_token(text: str) -> bool:
    """Whether `text` may be one token of a subject (worker ids are such tokens)."""
    return _TOKEN.fullmatch(text) is not None

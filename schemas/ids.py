"""Ids that must be the same everywhere, and the shape of the others.

Ids are UUIDv7, made where the thing is made (`uuid_utils.uuid7`). Only ids that several writers must agree on without
asking each other are derived here.
"""

from __future__ import annotations

import re
from uuid import UUID, uuid5

# A valid UUIDv7 of the year 1970: every recorder of every fleet names the default space alike.
DEFAULT_SPACE_ID = "00000000-0000-7000-8000-000000000001"
DEFAULT_SPACE_ALIAS = "default"
ORGANIZATION_ID = "00000000-0000-7000-8000-000000000000"

_FACTS = UUID("5d0c1b0e-6f1e-5a53-9c53-2f4c7c1f7a10")
_TOKEN = re.compile(r"[a-z0-9_-]{1,64}")


def fact_id(*about: str) -> str:
    """The id of a fact that any of several writers may write: the same words give the same UUIDv5."""
    return str(uuid5(_FACTS, "\x1f".join(about)))


def is_token(text: str) -> bool:
    """Whether `text` may be one token of a subject (worker ids are such tokens)."""
    return _TOKEN.fullmatch(text) is not None

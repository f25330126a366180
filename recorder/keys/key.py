"""A key as a request brings it."""

from __future__ import annotations

import hashlib
import secrets
from typing import get_args

from msgspec import Struct

from schemas.events.key import Scope

EVERY_SCOPE: frozenset[Scope] = frozenset(get_args(Scope))
RANDOM_BYTES = 32


class Key(Struct, frozen=True, kw_only=True):
    """Who asks. Without `space_id` it is for all spaces. `expires_at` is in seconds since 1970, None: it lasts."""

    id: str
    scopes: frozenset[Scope]
    space_id: str | None = None
    expires_at: float | None = None
    revoked: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether it has that scope."""
        return scope in self.scopes

    def sees(self, space_id: str) -> bool:
        """Whether what is in that space is there for it."""
        return self.space_id is None or self.space_id == space_id

    def has_expired(self, now: float) -> bool:
        """Whether its time was over at `now`, in seconds since 1970."""
        return self.expires_at is not None and self.expires_at <= now


# Who asks where no key is asked for.
NOBODY = Key(id="", scopes=frozenset(), space_id="")


def new_secret() -> str:
    """A key as it is handed to people: `rr_` and 43 characters that need no quoting."""
    return f"rr_{secrets.token_urlsafe(RANDOM_BYTES)}"


def digest(secret: str) -> str:
    """What is kept of a key: SHA-256 in hex digits. It has too many random bits for a slower one to be of use."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()

"""API keys."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from ..events.key import Scope
from ..types import Name
from .resource import Request, Resource

DAY_SECONDS = 86_400
USUAL_SCOPES: tuple[Scope, ...] = ("read", "control")
MOST_OVERLAP_SECONDS = 30 * DAY_SECONDS

Scopes = Annotated[
    list[Scope],
    Meta(
        min_length=1,
        max_length=4,
        description=(
            "read: look at runs and all they hold; control: make, change, start and drive; ingest: add events to runs;"
            " ops: keys, spaces, and what is of no one space."
        ),
    ),
]


class ApiKey(Resource, frozen=True, kw_only=True):
    """Who may ask, and for what. The key itself is nowhere: only its hash is kept.

    Without `space_id` it is for all spaces. `status`: active opens; expired and revoked open nothing. `rotates` is the
    key in whose place it came. `last_used_at` is true to the minute. `created_at` is null for the first key, which is a
    setting.
    """

    id: str
    name: str
    space_id: str | None
    scopes: list[Scope]
    status: Literal["active", "expired", "revoked"]
    created_at: str | None
    expires_at: str | None
    revoked_at: str | None
    rotates: str | None
    last_used_at: str | None = None


class MadeApiKey(ApiKey, frozen=True, kw_only=True):
    """A new key, with what is sent as `Authorization: Bearer <secret>`. It is in this answer, and in no other."""

    secret: str


class CreateApiKey(Request, frozen=True, kw_only=True):
    """A new key. Without `space_id` it is for all spaces, if the key that asks is.

    `expires_at` is an RFC 3339 time; null: it lasts until it is revoked.
    """

    name: Name
    space_id: str | None = None
    scopes: Scopes = field(default_factory=lambda: list(USUAL_SCOPES))
    expires_at: str | None = None


class RotateApiKey(Request, frozen=True, kw_only=True):
    """A new key in the place of one, which goes on opening for `overlap_seconds`.

    `expires_at` is that of the new key; left out, it lasts as long from now as the old one would have from its making.
    """

    overlap_seconds: Annotated[int, Meta(ge=0, le=MOST_OVERLAP_SECONDS)] = DAY_SECONDS
    expires_at: str | UnsetType | None = UNSET

"""API keys: who may ask the API, and for what. On CONTROL; the key itself is nowhere, its hash is."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from ._registry import EventData, event

Scope = Literal["read", "control", "ingest", "ops"]


@event("key.created", category="runtime")
class KeyCreated(EventData, frozen=True, kw_only=True):
    """Someone made a key. `hash` is SHA-256 of the key in hex digits; a key has 256 random bits, so that is enough.

    Without `space_id` it is for all spaces; without `expires_at` (RFC 3339) it lasts until it is revoked. `rotates` is
    the key in whose place it comes.
    """

    key_id: str
    name: str
    hash: str
    scopes: list[Scope]
    space_id: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    rotates: str | UnsetType = UNSET


@event("key.expiring", category="runtime")
class KeyExpiring(EventData, frozen=True, kw_only=True):
    """A key was rotated: the old one ends at that time."""

    key_id: str
    expires_at: str


@event("key.revoked", category="runtime")
class KeyRevoked(EventData, frozen=True, kw_only=True):
    """A key opens nothing any more."""

    key_id: str

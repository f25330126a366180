"""The recorder itself: whose key, whether it is well, and what went wrong."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from .resource import Resource


class EffectiveScope(Resource, frozen=True, kw_only=True):
    """What a key reaches."""

    scope: str
    organization_id: str
    subaccount_id: None
    default_space_id: str


class Whoami(Resource, frozen=True, kw_only=True):
    """Whose key this is. Known clients refuse a missing or an extra field."""

    key_id: str
    email: None
    organization_id: str
    scope: str
    subaccount_id: None
    plan: str
    default_space_id: str
    effective_scope: EffectiveScope


class Health(Resource, frozen=True, kw_only=True):
    """Whether something can be done now, and if not, why."""

    status: Literal["ok", "unavailable"]
    reason: str | UnsetType = UNSET
    checks: dict[str, Any] | UnsetType = UNSET


class ProblemBody(Resource, frozen=True, kw_only=True):
    """The body of every error."""

    error: str
    code: str
    reason_class: str
    request_id: str
    details: dict[str, Any] | UnsetType = UNSET
    hint: str | UnsetType = UNSET

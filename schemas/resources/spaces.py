"""Spaces."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ..types import Name
from .resource import Request, Resource


class Space(Resource, frozen=True, kw_only=True):
    """A room for runtimes."""

    id: str
    name: str
    created_at: str
    updated_at: str


class CreateSpace(Request, frozen=True, kw_only=True):
    """A new space."""

    name: Name


class UpdateSpace(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may change of a space."""

    name: Name | UnsetType = UNSET

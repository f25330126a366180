"""Spaces."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field

from ..egress import AllowedTexts, parse_all
from ..types import Name
from .resource import Request, Resource


class Egress(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the browsers of a space may reach: the internet always, and of other networks what is listed."""

    allow: AllowedTexts = []

    def __post_init__(self) -> None:
        """Raises ValueError for what is no network."""
        parse_all(self.allow)

    @property
    def allowed(self) -> list[str]:
        """Each entry once, in one form."""
        return list(dict.fromkeys(map(str, parse_all(self.allow))))


class Space(Resource, frozen=True, kw_only=True):
    """A room for runtimes."""

    id: str
    name: str
    egress: Egress
    created_at: str
    updated_at: str


class CreateSpace(Request, frozen=True, kw_only=True):
    """A new space."""

    name: Name
    egress: Egress = field(default_factory=Egress)


class UpdateSpace(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may change of a space."""

    name: Name | UnsetType = UNSET
    egress: Egress | UnsetType = UNSET

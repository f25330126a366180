"""Pages of an active run."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .resource import Request, Resource


class Target(Resource, frozen=True, kw_only=True):
    """A page of an active run: `id` is its target id in CDP, `label` its title, `uri` its URL without secrets."""

    id: str
    runtime_id: str
    type: Literal["browser_page"] = "browser_page"
    label: str
    uri: str
    active: bool


TargetUri = Annotated[str, Meta(min_length=1, max_length=16_384)]


class CreateTarget(Request, frozen=True, kw_only=True):
    """A new page; without `uri` (or `url`) it is blank."""

    uri: TargetUri | None = None
    url: TargetUri | None = None

"""What every answer and every body has in common, pages, and what several resources hold."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Resource(Struct, frozen=True, kw_only=True, rename="camel"):
    """Anything an answer holds."""


class Request(Struct, frozen=True, kw_only=True, rename="camel"):
    """Anything a request's body holds."""


class Page(Resource, Generic[T], frozen=True, kw_only=True):
    """One page of a list. `next_cursor` is opaque; null on the last page."""

    data: list[T]
    next_cursor: str | None


class Deleted(Resource, frozen=True, kw_only=True):
    """It is there no more."""

    id: str
    deleted: Literal[True] = True


class Failure(Resource, frozen=True, kw_only=True):
    """Why a run failed, or why it is parked."""

    code: str
    message: str

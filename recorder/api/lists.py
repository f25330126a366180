"""What lists take: a cursor, a limit, filters of several values, and statuses by the contract's names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from recorder.api.parse import invalid

STATUSES = ("active", "stopped", "failed")
SYNONYMS = {"completed": "stopped"}

MOST_VALUES = 100

Limit = Annotated[int, Meta(ge=1, le=1000)]
Values = Annotated[list[str], Meta(max_length=MOST_VALUES)]


class PageQuery(Struct, frozen=True, kw_only=True, rename="camel"):
    """The page of a list: `cursor` is the `nextCursor` of the page before."""

    cursor: str | None = None
    limit: Limit = 50


def one_of(known: Collection[str], given: Sequence[str], path: str) -> Sequence[str]:
    """The values of a filter that knows only some. Raises RequestInvalid."""
    for value in given:
        if value not in known:
            raise invalid(path, f"{path}: {value!r} is none of {', '.join(known)}")
    return given


def statuses(given: Sequence[str]) -> list[str]:
    """Statuses of runs as the tables know them; `completed` is another word for stopped. Raises RequestInvalid."""
    known = one_of((*STATUSES, *SYNONYMS), given, "$.status")
    return [SYNONYMS.get(status, status) for status in known]


def several(given: Sequence[str] | str | None, path: str) -> Sequence[str]:
    """The values of a body's filter, which may also be a single one. Raises RequestInvalid."""
    if given is None or isinstance(given, str):
        return [given] if given else []
    if len(given) > MOST_VALUES:
        raise invalid(path, f"{path}: more than {MOST_VALUES} values")
    return given

"""What lists take: a cursor, a limit, and statuses by the names that the contract has for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct, field

from recorder.api.parse import invalid

STATUSES = ("active", "stopped", "failed")
SYNONYMS = {"completed": "stopped"}

Limit = Annotated[int, Meta(ge=1, le=1000)]


class PageQuery(Struct, frozen=True, kw_only=True, rename="camel"):
    """The page of a list: `cursor` is the `nextCursor` of the page before."""

    cursor: str | None = None
    limit: Limit = 50


class RuntimesQuery(PageQuery, frozen=True, kw_only=True):
    """Which runtimes."""

    space_id: str | None = None
    status: list[str] = field(default_factory=list)


class RunsQuery(PageQuery, frozen=True, kw_only=True):
    """Which runs."""

    space_id: str | None = None
    runtime_id: str | None = None
    status: list[str] = field(default_factory=list)


class RuntimeRunsQuery(PageQuery, frozen=True, kw_only=True):
    """Which runs of one runtime."""

    status: list[str] = field(default_factory=list)


def statuses(given: Sequence[str]) -> list[str]:
    """Statuses as the tables know them; `completed` is another word for stopped."""
    for status in given:
        if status not in STATUSES and status not in SYNONYMS:
            raise invalid("$.status", f"$.status: there is no status {status!r}")
    return [SYNONYMS.get(status, status) for status in given]

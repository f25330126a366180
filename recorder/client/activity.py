"""The activity of one run: its story for people, listed and followed while it evolves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, TypedDict, Unpack

from schemas.resources import ActivityItem, ActivityView

from .following import Away, Following
from .pages import Listing, as_it_is
from .transport import Transport, path_to


class WantedActivity(TypedDict, total=False):
    """Which items; a type may end in `*`: `browser.*`. The view is `normal` unless said otherwise.

    `q` are words, all of which an item must have.
    """

    view: ActivityView
    type: str | list[str]
    category: str | list[str]
    severity: str | list[str]
    invocation_id: str
    file_id: str
    q: str


class RunActivity:
    """`run.activity`."""

    def __init__(self, transport: Transport, run_id: str) -> None:
        self._transport = transport
        self._path = path_to("runs", run_id, "activity")

    def list(
        self,
        *,
        nested: bool = False,
        order: Literal["asc", "desc"] = "asc",
        limit: int | None = None,
        **wanted: Unpack[WantedActivity],
    ) -> Listing[ActivityItem]:
        """In the order in which it began; `nested` puts what is a part of something into its `children`."""
        query = {**_query(wanted), "nested": nested, "order": order, "limit": limit}
        return Listing(self._transport, self._path, ActivityItem, query, as_it_is)

    def follow(
        self,
        *,
        after: str | None = None,
        away: Away | None = None,
        **wanted: Unpack[WantedActivity],
    ) -> AsyncIterator[ActivityItem]:
        """All of it from the beginning (or after a cursor), then each item anew when it changes: the same `id`.

        Until the run has ended; over broken connections, as events are followed, for ever unless `away` raises: it is
        called with the seconds that the recorder has been away, at each try, and with None when it is back. Raises
        ApiError.
        """
        path = f"{self._path}/stream"
        told = Following(self._transport, path, "run.activity", ActivityItem, after, away)
        return told.all(_query(wanted))


def _query(wanted: WantedActivity) -> dict[str, object]:
    query: dict[str, object] = {**wanted}
    query["invocationId"] = query.pop("invocation_id", None)
    query["fileId"] = query.pop("file_id", None)
    return query

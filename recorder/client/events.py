"""The events of one run: listed, followed, waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, TypedDict, Unpack

from schemas.resources import (
    EventToIngest,
    IngestedEvents,
    RunEvent,
    WaitedEvent,
    WaitForEvent,
)

from .following import Away, Following
from .pages import Listing, as_it_is
from .transport import Transport, path_to

Words = str | list[str]


class Wanted(TypedDict, total=False):
    """Which events; a type may end in `*`: `network.*`. What is left out may be anything."""

    type: Words
    category: Words
    status: Words
    page_id: str
    connection_id: str


class RunEvents:
    """`run.events`."""

    def __init__(self, transport: Transport, run_id: str) -> None:
        self._transport = transport
        self._path = path_to("runs", run_id, "events")

    def list(
        self,
        *,
        order: Literal["asc", "desc"] = "asc",
        limit: int | None = None,
        q: str | None = None,
        **wanted: Unpack[Wanted],
    ) -> Listing[RunEvent]:
        """In the order in which they happened; `limit` is the size of a page, `q` words that they must have."""
        query = {**_query(wanted), "order": order, "limit": limit, "q": q}
        return Listing(self._transport, self._path, RunEvent, query, as_it_is)

    def follow(
        self,
        *,
        after: str | None = None,
        q: str | None = None,
        away: Away | None = None,
        **wanted: Unpack[Wanted],
    ) -> AsyncIterator[RunEvent]:
        """All of them from the beginning (or after a cursor), then as they happen, until the run has ended.

        A connection that breaks is made again where it was, so that each event comes once, also across a restart of the
        recorder; for ever unless `away` raises: it is called with the seconds that the recorder has been away, at each
        try, and with None when it is back. Raises ApiError where the recorder refuses.
        """
        path = f"{self._path}/stream"
        told = Following(self._transport, path, "run.event", RunEvent, after, away)
        return told.all({**_query(wanted), "q": q})

    async def wait(
        self, *, cursor: str | None = None, timeout_seconds: float = 30.0, **wanted: Unpack[Wanted]
    ) -> WaitedEvent:
        """The first after `cursor`, or after now; its `event` is None where the time or the run was over first."""
        body = WaitForEvent(cursor=cursor, timeout_seconds=timeout_seconds, **wanted)
        return await self._transport.call("POST", f"{self._path}/wait", WaitedEvent, body=body)

    async def put(self, *events: EventToIngest | dict[str, Any]) -> Sequence[str]:
        """Put events of one's own into the run's log (`tool.call.*`, `llm.usage`, `captcha.solve.*`, `custom.*`); their
        ids.

        One that is sent again with the same `id` is not written again. Raises Conflict once the run has ended,
        RateLimited.
        """
        body = {"events": events}
        answer = await self._transport.call("POST", self._path, IngestedEvents, body=body)
        return answer.event_ids


def _query(wanted: Wanted) -> dict[str, object]:
    query: dict[str, object] = {**wanted}
    query["pageId"] = query.pop("page_id", None)
    query["connectionId"] = query.pop("connection_id", None)
    return query

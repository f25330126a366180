"""The events of one run: listed, followed, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Literal, TypedDict, Unpack

import msgspec
from httpx_sse import ServerSentEvent

from schemas.resources import (
    EventToIngest,
    IngestedEvents,
    RunEvent,
    WaitedEvent,
    WaitForEvent,
)

from .errors import CannotConnect, Unavailable
from .pages import Listing, as_it_is
from .transport import Query, Transport

RECONNECT_SECONDS = 0.5

Words = str | list[str]


class Wanted(TypedDict, total=False):
    """Which events; a type may end in `*`: `network.*`. What is left out may be anything."""

    type: Words
    category: Words
    status: Words
    page_id: str
    connection_id: str


class _Place:
    """How far one has read."""

    def __init__(self, after: str | None) -> None:
        self.after = after
        self.ended = False

    def take(self, frame: ServerSentEvent) -> RunEvent | None:
        """The event in a frame, if it holds one."""
        self.ended = frame.event == "run.ended"
        if frame.event != "run.event":
            return None
        self.after = frame.id
        return msgspec.json.decode(frame.data, type=RunEvent)


class RunEvents:
    """`run.events`."""

    def __init__(self, transport: Transport, run_id: str) -> None:
        self._transport = transport
        self._path = f"/v1/runs/{run_id}/events"

    def list(
        self,
        *,
        order: Literal["asc", "desc"] = "asc",
        limit: int | None = None,
        **wanted: Unpack[Wanted],
    ) -> Listing[RunEvent]:
        """In the order in which they happened; `limit` is the size of a page."""
        query = {**_query(wanted), "order": order, "limit": limit}
        return Listing(self._transport, self._path, RunEvent, query, as_it_is)

    async def follow(
        self, *, after: str | None = None, **wanted: Unpack[Wanted]
    ) -> AsyncIterator[RunEvent]:
        """All of them from the beginning (or after a cursor), then as they happen, until the run has ended.

        A connection that breaks is made again where it was, so that each event comes once, also across a restart of the
        recorder. Raises ApiError where the recorder refuses.
        """
        query, place = _query(wanted), _Place(after)
        while not place.ended:
            async with self._connection(query, place) as events:
                async for event in events:
                    yield event

    @asynccontextmanager
    async def _connection(
        self, query: Query, place: _Place
    ) -> AsyncIterator[AsyncIterator[RunEvent]]:
        """One connection, as far as it goes."""
        with suppress(CannotConnect, Unavailable):
            async with aclosing(self._told(query, place)) as events:
                yield events
        if not place.ended:
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _told(self, query: Query, place: _Place) -> AsyncGenerator[RunEvent, None]:
        path = f"{self._path}/stream"
        async with self._transport.stream(path, query=query, last_event_id=place.after) as source:
            async for frame in source.aiter_sse():
                event = place.take(frame)
                if event is not None:
                    yield event

    async def wait(
        self, *, cursor: str | None = None, timeout_seconds: float = 30.0, **wanted: Unpack[Wanted]
    ) -> WaitedEvent:
        """The first after `cursor`, or after now; its `event` is None where the time or the run was over first."""
        body = WaitForEvent(cursor=cursor, timeout_seconds=timeout_seconds, **wanted)
        return await self._transport.call("POST", f"{self._path}/wait", WaitedEvent, body=body)

    async def put(self, *events: EventToIngest | dict[str, Any]) -> Sequence[str]:
        """Put events of one's own into the run's log (`tool.call.*`, `llm.usage`, `custom.*`); their ids.

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

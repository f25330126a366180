"""What follows a run: each thing once and in order, over connections that break and recorders that restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Generic, TypeVar

import msgspec
from httpx_sse import ServerSentEvent

from schemas.resources import Resource

from .errors import CannotConnect, Unavailable
from .transport import Query, Transport

RECONNECT_SECONDS = 0.5

R = TypeVar("R", bound=Resource)
# Told at each connection that was lost or not made: for how many seconds the recorder has been away; None when it is
# back. What it raises ends the following.
Away = Callable[[float | None], None]


class Following(Generic[R]):
    """One stream of a run, from after a cursor on; `frame` is the name of the frames that hold a `resource`."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        frame: str,
        resource: type[R],
        after: str | None,
        away: Away | None = None,
    ) -> None:
        self._transport = transport
        self._path = path
        self._frame = frame
        self._resource = resource
        self._after = after
        self._ended = False
        self._away = away
        self._away_since: float | None = None

    async def all(self, query: Query) -> AsyncIterator[R]:
        """Until the run has ended. Raises ApiError where the recorder refuses."""
        while not self._ended:
            async with self._connection(query) as told:
                async for each in told:
                    yield each

    @asynccontextmanager
    async def _connection(self, query: Query) -> AsyncIterator[AsyncIterator[R]]:
        """One connection, as far as it goes."""
        with suppress(CannotConnect, Unavailable):
            async with aclosing(self._told(query)) as told:
                yield told
        if not self._ended:
            self._lost()
            await asyncio.sleep(RECONNECT_SECONDS)

    def _lost(self) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        if self._away is not None:
            self._away(now - self._away_since)

    def _heard(self) -> None:
        if self._away_since is not None and self._away is not None:
            self._away(None)
        self._away_since = None

    async def _told(self, query: Query) -> AsyncGenerator[R, None]:
        stream = self._transport.stream(self._path, query=query, last_event_id=self._after)
        async with stream as source:
            async for frame in source.aiter_sse():
                self._heard()
                each = self._take(frame)
                if each is not None:
                    yield each

    def _take(self, frame: ServerSentEvent) -> R | None:
        """What a frame holds, if it holds one; from then on that is where we are."""
        self._ended = frame.event == "run.ended"
        if frame.event != self._frame:
            return None
        self._after = frame.id
        return msgspec.json.decode(frame.data, type=self._resource)

"""The events of a run as they come in over its stream, the way a user follows it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.support.run import Event, Run
from tests.support.sse_frames import frames


class Recording:
    """What has come of a run so far, and of each of its browser contexts ("" for what belongs to none)."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.by_context: defaultdict[str, list[Event]] = defaultdict(list)

    def add(self, event: Event) -> None:
        """The next one."""
        self.events.append(event)
        self.by_context[event.get("contextId", "")].append(event)


@asynccontextmanager
async def recording(run: Run) -> AsyncIterator[Recording]:
    """Follow a run from its beginning until the block ends."""
    followed = Recording()
    following = asyncio.create_task(_follow(run, followed))
    try:
        yield followed
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def _follow(run: Run, followed: Recording) -> None:
    http, path = run.http, f"/v1/runs/{run.id}/events/stream"
    own = httpx.AsyncClient(base_url=http.base_url, headers=http.headers, trust_env=False)
    async with own, frames(own, path) as stream:
        async for frame in stream:
            if frame.event == "run.event":
                followed.add(frame.data)

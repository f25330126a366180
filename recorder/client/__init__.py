"""The Python client: handles on spaces, runtimes and runs. It uses documented endpoints like anyone else.

async with Runreel("http://127.0.0.1:8787", key) as runreel:
    space = await runreel.spaces.get("default")
    async with await space.runtimes.browser.launch(name="crm") as runtime:
        run = await runtime.current_run()
        await runtime.invocations.create_and_wait({"action": "navigate", "url": "https://example.com/"})
        async for event in run.events.follow(type="network.*"): ...
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx

from schemas.resources import SearchHit

from .activity import RunActivity
from .api_keys import ApiKeyHandle, ApiKeys
from .commands import RunCommands
from .connections import ConnectionHandle, Connections
from .errors import (
    ApiError,
    CannotConnect,
    Conflict,
    Forbidden,
    Gone,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
    RateLimited,
    RunreelError,
    Unauthorized,
    Unavailable,
)
from .events import RunEvents
from .files import FileHandle, Files, RunArtifacts, RunFiles
from .invocations import InvocationHandle, Invocations, RunInvocations
from .pages import Listing, as_it_is
from .runs import RunHandle, Runs
from .runtimes import RuntimeHandle, Runtimes
from .spaces import SpaceHandle, Spaces
from .targets import TargetHandle, Targets
from .transport import Transport
from .usage import UsageOfRuns

__all__ = [
    "ApiError",
    "ApiKeyHandle",
    "ApiKeys",
    "CannotConnect",
    "Conflict",
    "ConnectionHandle",
    "Connections",
    "FileHandle",
    "Files",
    "Forbidden",
    "Gone",
    "InvalidRequest",
    "InvocationHandle",
    "Invocations",
    "Listing",
    "NotFound",
    "QuotaExceeded",
    "RateLimited",
    "RunActivity",
    "RunArtifacts",
    "RunCommands",
    "RunEvents",
    "RunFiles",
    "RunHandle",
    "RunInvocations",
    "Runreel",
    "RunreelError",
    "Runs",
    "RuntimeHandle",
    "Runtimes",
    "SpaceHandle",
    "Spaces",
    "TargetHandle",
    "Targets",
    "Unauthorized",
    "Unavailable",
    "UsageOfRuns",
]


class Runreel:
    """A recorder, with a key for it. `http` is for those who bring a client of their own (proxies, tests)."""

    def __init__(
        self, base_url: str, api_key: str, *, http: httpx.AsyncClient | None = None
    ) -> None:
        self._transport = Transport(base_url, api_key, http)
        self.spaces = Spaces(self._transport)
        self.runtimes = Runtimes(self._transport)
        self.runs = Runs(self._transport)
        self.files = Files(self._transport)
        self.api_keys = ApiKeys(self._transport)
        self.usage = UsageOfRuns(self._transport)

    def search(
        self,
        q: str,
        *,
        space_id: str | None = None,
        type: str | list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
    ) -> Listing[SearchHit]:
        """Events of all runs that have these words, newest first, each with its run and where the words stand."""
        when = {"since": since, "until": until}
        query = {"q": q, "spaceId": space_id, "type": type, "limit": limit, **when}
        return Listing(self._transport, "/v1/search", SearchHit, query, as_it_is)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

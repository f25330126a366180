"""Runs: what happened."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from schemas.resources import Run, RunSummary, Usage, WaitedRun, WaitForRun

from .activity import RunActivity
from .commands import RunCommands
from .events import RunEvents
from .files import RunArtifacts, RunFiles
from .handle import Handle
from .invocations import RunInvocations
from .pages import Listing
from .transport import Transport, path_to

S = TypeVar("S", bound=RunSummary)


class RunHandle(Handle[S]):
    """One run."""

    def __init__(self, transport: Transport, resource: S) -> None:
        super().__init__(transport, resource)
        self.events = RunEvents(transport, resource.id)
        self.activity = RunActivity(transport, resource.id)
        self.commands = RunCommands(transport, resource.id)
        self.invocations = RunInvocations(transport, resource.id)
        self.artifacts = RunArtifacts(transport, resource.id)
        self.files = RunFiles(transport, resource.id)

    @property
    def status(self) -> str:
        """active, stopped or failed."""
        return self.resource.status

    async def refresh(self) -> RunHandle[Run]:
        """The run as it is now, with its counts."""
        return await get_run(self._transport, self.id)

    async def usage(self) -> Usage:
        """What it took so far, or in all once it has ended."""
        return await self._transport.call("GET", path_to("runs", self.id, "usage"), Usage)

    async def wait(self, timeout_seconds: float = 30.0) -> WaitedRun:
        """Until it has ended, at most so long (`wait_status` says which)."""
        body = WaitForRun(timeout_seconds=timeout_seconds)
        return await self._transport.call(
            "POST", path_to("runs", self.id, "wait"), WaitedRun, body=body
        )


async def get_run(transport: Transport, run_id: str) -> RunHandle[Run]:
    """One run. Raises NotFound."""
    return RunHandle(transport, await transport.call("GET", path_to("runs", run_id), Run))


class Runs:
    """`runreel.runs`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, run_id: str) -> RunHandle[Run]:
        """One run. Raises NotFound."""
        return await get_run(self._transport, run_id)

    def list(
        self,
        *,
        space_id: str | None = None,
        runtime_id: str | None = None,
        status: str | list[str] | None = None,
        limit: int | None = None,
    ) -> Listing[RunHandle[RunSummary]]:
        """Newest first."""
        query = {"spaceId": space_id, "runtimeId": runtime_id, "status": status, "limit": limit}
        handle = partial(RunHandle[RunSummary], self._transport)
        return Listing(self._transport, "/v1/runs", RunSummary, query, handle)

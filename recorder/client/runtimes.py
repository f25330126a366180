"""Runtimes: browsers that one starts, drives and stops."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Any, Self

from schemas.resources import Run, RunSummary, Runtime, StartedRuntime, StoppedRuntime
from schemas.runtime_config import WantedConfig

from .connections import Connections
from .errors import Conflict
from .handle import Handle
from .invocations import Invocations
from .pages import Listing
from .runs import RunHandle, get_run
from .targets import Targets
from .transport import Transport, path_to

Config = WantedConfig | dict[str, Any]


class RuntimeHandle(Handle[Runtime]):
    """One runtime; `async with` stops it in the end."""

    def __init__(self, transport: Transport, resource: Runtime) -> None:
        super().__init__(transport, resource)
        self.connections = Connections(transport, resource.id)
        self.targets = Targets(transport, resource.id)
        self.invocations = Invocations(transport, resource.id)

    @property
    def name(self) -> str:
        """Its name."""
        return self.resource.name

    @property
    def status(self) -> str:
        """active, stopped or failed."""
        return self.resource.status

    @property
    def active_run_id(self) -> str | None:
        """The run it has now, if it has one."""
        return self.resource.active_run_id

    @property
    def connect_url(self) -> str | None:
        """Where Playwright and Puppeteer attach while it is active; ends with the run."""
        return self.resource.connect_url or None

    @property
    def _path(self) -> str:
        return path_to("runtimes", self.id)

    async def refresh(self) -> Self:
        """Ask again."""
        self.resource = await self._transport.call("GET", self._path, Runtime)
        return self

    async def start(
        self, *, wait: str | None = None, idempotency_key: str | None = None
    ) -> StartedRuntime:
        """Start it. `wait` (`10s`) queues for a free place where there is none."""
        started = await self._transport.call(
            "POST",
            f"{self._path}/start",
            StartedRuntime,
            query={"wait": wait},
            idempotency_key=idempotency_key,
        )
        await self.refresh()
        return started

    async def stop(self) -> StoppedRuntime:
        """Stop it. Raises Conflict where it is not active."""
        stopped = await self._transport.call("POST", f"{self._path}/stop", StoppedRuntime)
        await self.refresh()
        return stopped

    async def update(self, **changes: Any) -> Self:
        """Change `name`, `metadata` or `config` (an RFC 7396 patch: None removes a field of it)."""
        self.resource = await self._transport.call("PATCH", self._path, Runtime, body=changes)
        return self

    async def delete(self) -> None:
        """Delete it; its runs stay. Raises Conflict while it is active."""
        await self._transport.call("DELETE", self._path, Any)

    async def current_run(self) -> RunHandle[Run] | None:
        """The run it has now, if it has one."""
        await self.refresh()
        return await get_run(self._transport, self.active_run_id) if self.active_run_id else None

    def runs(self, *, status: str | list[str] | None = None) -> Listing[RunHandle[RunSummary]]:
        """All of its runs, newest first."""
        handle = partial(RunHandle[RunSummary], self._transport)
        query = {"status": status}
        return Listing(self._transport, f"{self._path}/runs", RunSummary, query, handle)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.stop()
        except Conflict:  # it has ended by itself
            await self.refresh()


class Browsers:
    """`runtimes.browser`."""

    def __init__(self, runtimes: Runtimes) -> None:
        self._runtimes = runtimes

    async def launch(self, **wanted: Any) -> RuntimeHandle:
        """A new runtime, started: what `Runtimes.create` takes."""
        return await self._runtimes.create(start=True, **wanted)


class Runtimes:
    """`runreel.runtimes`, or those of one space."""

    def __init__(self, transport: Transport, space_id: str | None = None) -> None:
        self._transport = transport
        self._space_id = space_id
        self.browser = Browsers(self)

    async def create(
        self,
        *,
        name: str | None = None,
        profile: str | None = None,
        config: Config | None = None,
        metadata: dict[str, Any] | None = None,
        start: bool = False,
        wait: str | None = None,
        idempotency_key: str | None = None,
    ) -> RuntimeHandle:
        """A new runtime, stopped unless `start`."""
        wanted = {
            "name": name,
            "spaceId": self._space_id,
            "profile": profile,
            "config": config,
            "metadata": metadata,
        }
        body = {field: value for field, value in wanted.items() if value is not None}
        resource = await self._transport.call(
            "POST",
            "/v1/runtimes",
            Runtime,
            query={"wait": wait},
            body=body | {"start": start},
            idempotency_key=idempotency_key,
        )
        return RuntimeHandle(self._transport, resource)

    async def get(self, runtime_id: str) -> RuntimeHandle:
        """One runtime. Raises NotFound."""
        path = path_to("runtimes", runtime_id)
        return RuntimeHandle(self._transport, await self._transport.call("GET", path, Runtime))

    def list(
        self,
        *,
        name: str | None = None,
        status: str | list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        limit: int | None = None,
    ) -> Listing[RuntimeHandle]:
        """Newest first; by `metadata` those that have all of these values."""
        query = {"spaceId": self._space_id, "name": name, "status": status, "limit": limit}
        query |= {
            f"metadata.{key}": "null" if value is None else value
            for key, value in (metadata or {}).items()
        }
        handle = partial(RuntimeHandle, self._transport)
        return Listing(self._transport, "/v1/runtimes", Runtime, query, handle)

"""Targets: the pages of an active runtime."""

from __future__ import annotations

from functools import partial
from typing import Any

from schemas.resources import CreateTarget, Target

from .handle import Handle
from .pages import Listing
from .transport import Transport, part, path_to


class TargetHandle(Handle[Target]):
    """One page; its id is its target id in CDP."""

    @property
    def uri(self) -> str:
        """Its URL, without secrets."""
        return self.resource.uri

    @property
    def active(self) -> bool:
        """Whether it was in front."""
        return self.resource.active

    @property
    def _path(self) -> str:
        return path_to("runtimes", self.resource.runtime_id, "targets", self.id)

    async def activate(self) -> None:
        """Bring it to the front."""
        self.resource = await self._transport.call("POST", f"{self._path}/activate", Target)

    async def close(self) -> None:
        """Close it."""
        await self._transport.call("DELETE", self._path, Any)


class Targets:
    """`runtime.targets`."""

    def __init__(self, transport: Transport, runtime_id: str) -> None:
        self._transport = transport
        self._path = path_to("runtimes", runtime_id, "targets")

    async def create(self, uri: str | None = None) -> TargetHandle:
        """A new page, in front. Raises Conflict where the runtime is not active."""
        body = CreateTarget(uri=uri)
        made = await self._transport.call("POST", self._path, Target, body=body)
        return TargetHandle(self._transport, made)

    async def get(self, target_id: str) -> TargetHandle:
        """One page. Raises NotFound."""
        found = await self._transport.call("GET", f"{self._path}/{part(target_id)}", Target)
        return TargetHandle(self._transport, found)

    def list(self) -> Listing[TargetHandle]:
        """In the order in which they were opened."""
        handle = partial(TargetHandle, self._transport)
        return Listing(self._transport, self._path, Target, {}, handle)

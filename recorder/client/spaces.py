"""Spaces: rooms for runtimes."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

from schemas.resources import Space

from .handle import Handle
from .pages import Listing
from .runtimes import Runtimes
from .transport import Transport, path_to


class SpaceHandle(Handle[Space]):
    """One space."""

    def __init__(self, transport: Transport, resource: Space) -> None:
        super().__init__(transport, resource)
        self.runtimes = Runtimes(transport, resource.id)

    @property
    def name(self) -> str:
        """Its name."""
        return self.resource.name

    async def rename(self, name: str) -> Self:
        """Give it another name."""
        return await self._change({"name": name})

    async def allow_egress(self, *networks: str) -> Self:
        """Let its browsers reach these beside the internet, such as `127.0.0.1:3000`, and no others; from their next
        start on. Raises InvalidRequest.
        """
        return await self._change({"egress": {"allow": list(networks)}})

    async def _change(self, what: dict[str, Any]) -> Self:
        path = path_to("spaces", self.id)
        self.resource = await self._transport.call("PATCH", path, Space, body=what)
        return self

    async def delete(self) -> None:
        """Delete it. Raises Conflict while it has runtimes."""
        await self._transport.call("DELETE", path_to("spaces", self.id), Any)


class Spaces:
    """`runreel.spaces`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def create(self, name: str) -> SpaceHandle:
        """A new space."""
        made = await self._transport.call("POST", "/v1/spaces", Space, body={"name": name})
        return SpaceHandle(self._transport, made)

    async def get(self, space_id: str = "default") -> SpaceHandle:
        """One space. Raises NotFound."""
        found = await self._transport.call("GET", path_to("spaces", space_id), Space)
        return SpaceHandle(self._transport, found)

    def list(self, *, limit: int | None = None) -> Listing[SpaceHandle]:
        """Oldest first."""
        handle = partial(SpaceHandle, self._transport)
        return Listing(self._transport, "/v1/spaces", Space, {"limit": limit}, handle)

"""Connections: URLs of their own into a run, for a time, and revocable."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from schemas.resources import Connection, CreateConnection

from .handle import Handle
from .pages import Listing
from .transport import Transport, path_to


class ConnectionHandle(Handle[Connection]):
    """One connection."""

    @property
    def status(self) -> str:
        """active, expired, revoked or ended."""
        return self.resource.status

    @property
    def url(self) -> str | None:
        """Where Playwright and Puppeteer attach. It holds a secret, and only who made the connection is told it."""
        return self.resource.endpoint.url if self.resource.endpoint else None

    async def revoke(self) -> None:
        """Let nobody in any more, and drop those who came by it."""
        path = path_to("runtimes", self.resource.runtime_id, "connections", self.id)
        await self._transport.call("DELETE", path, Any)


class Connections:
    """`runtime.connections`."""

    def __init__(self, transport: Transport, runtime_id: str) -> None:
        self._transport = transport
        self._path = path_to("runtimes", runtime_id, "connections")

    async def create(
        self, *, protocol: Literal["cdp"] = "cdp", ttl_seconds: int = 3600
    ) -> ConnectionHandle:
        """A new one, for which the runtime has to be active. Raises Conflict."""
        made = await self._transport.call(
            "POST",
            self._path,
            Connection,
            body=CreateConnection(protocol=protocol, ttl_seconds=ttl_seconds),
        )
        return ConnectionHandle(self._transport, made)

    def list(self, *, limit: int | None = None) -> Listing[ConnectionHandle]:
        """Newest first, also those of earlier runs."""
        handle = partial(ConnectionHandle, self._transport)
        return Listing(self._transport, self._path, Connection, {"limit": limit}, handle)

"""Commands of one run: what was asked of it, and what the platform itself did."""

from __future__ import annotations

from typing import Literal

from schemas.resources import Command

from .pages import Listing, as_it_is
from .transport import Transport, part, path_to

Part = Literal["request", "result", "error"]


class RunCommands:
    """`run.commands`."""

    def __init__(self, transport: Transport, run_id: str) -> None:
        self._transport = transport
        self._path = path_to("runs", run_id, "commands")

    async def get(self, command_id: str, *, include: list[Part] | None = None) -> Command:
        """One. Raises NotFound."""
        path, query = f"{self._path}/{part(command_id)}", {"include": include}
        return await self._transport.call("GET", path, Command, query=query)

    def list(
        self,
        *,
        status: str | list[str] | None = None,
        execution_mode: Literal["hosted", "internal"] | None = None,
        include: list[Part] | None = None,
        order: Literal["asc", "desc"] = "asc",
        limit: int | None = None,
    ) -> Listing[Command]:
        """In the order in which they were asked for; `include` says which parts are told."""
        query = {
            "status": status,
            "executionMode": execution_mode,
            "include": include,
            "order": order,
            "limit": limit,
        }
        return Listing(self._transport, self._path, Command, query, as_it_is)

"""A way to NATS that can be cut in one direction or both: nothing is refused and nothing is closed, it just stops.

What was under way stands still and comes late, as after TCP's own resending; a new connection is accepted and silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from deploy.site.servers import Servers
from tests.support.ports import free_port

PIECE_BYTES = 64 * 1024


class Proxy:
    """A way to a port of this machine, which can be cut."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._server_port = port
        self._up = asyncio.Event()  # towards the server
        self._down = asyncio.Event()
        self._up.set()
        self._down.set()
        self._servers = Servers()

    async def open(self) -> None:
        """Begin to listen."""
        await self._servers.listen(self._carry, host="127.0.0.1", port=self.port)

    async def close(self) -> None:
        """Close it and all that goes through it."""
        await self._servers.close()

    @contextmanager
    def cut(self, *, up: bool = True, down: bool = True) -> Iterator[None]:
        """Nothing passes to the server (`up`), from it (`down`), or either way, for as long as the block lasts."""
        ways = [way for way, cut in ((self._up, up), (self._down, down)) if cut]
        for way in ways:
            way.clear()
        try:
            yield
        finally:
            for way in ways:
                way.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both ways, until either side closes; a closing too is not seen across a cut."""
        await self._up.wait()
        try:
            there = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            return
        ways = [
            asyncio.create_task(_pass(reader, there[1], self._up)),
            asyncio.create_task(_pass(there[0], writer, self._down)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            there[1].close()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: asyncio.Event
) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            await way.wait()
            writer.write(piece)
            await writer.drain()
        await way.wait()

"""Servers whose connections end with them, and not after them: a browser keeps idle ones open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from worker.servers import close_server

Attend = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# Of the loop, in which what was accepted just now is attached, handed to us, and its socket closed.
TURNS_TO_CLOSE = 4


@asynccontextmanager
async def serving(attend: Attend, host: str = "127.0.0.1", **where: Any) -> AsyncIterator[int]:
    """One for as long as the block; its port."""
    servers = Servers()
    address = {} if "sock" in where else {"host": host, "port": 0}
    try:
        yield await servers.listen(attend, **address | where)
    finally:
        await servers.close()


class Servers:
    """Some that are one to whoever uses them. Each connection is attended to in a task of its own."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._closed = False

    async def listen(self, attend: Attend, **where: Any) -> int:
        """Listen where `asyncio.start_server` is told to; the port.

        When `attend` returns, what it wrote is sent and its connection closed; when it fails, the rest is thrown away.
        """
        server = await asyncio.start_server(partial(self._accept, attend), **where)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """End all connections; each of their sockets is closed when this returns."""
        self._closed = True
        for server in self._servers:
            close_server(server)
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for _ in range(TURNS_TO_CLOSE):
            await asyncio.sleep(0)

    def _accept(
        self, attend: Attend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._closed:  # it was accepted in the turn in which we closed
            writer.transport.abort()
            return
        connection = asyncio.create_task(_attend(attend, reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(partial(self._over, writer))

    def _over(self, writer: asyncio.StreamWriter, connection: asyncio.Task[None]) -> None:
        """Here, because a task that is cancelled before its first step runs no `finally`."""
        self._connections.discard(connection)
        writer.transport.abort()  # changes nothing when closed in order


async def _attend(
    attend: Attend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        await attend(reader, writer)
        writer.close()
        await writer.wait_closed()
    except (EOFError, ConnectionError):
        pass  # the browser went away, which is its right

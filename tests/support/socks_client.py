"""Connections through an egress, as Chromium makes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from msgspec import Struct

from tests.support.egress import LOOPBACK
from worker.egress import Egress, Rules, loopback_listener
from worker.egress.names import Lookup, Names

_open: list[asyncio.StreamWriter] = []  # closed with the egress


class Connection(Struct):
    """What the egress answered, and the connection."""

    answer: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def is_connected(self) -> bool:
        """Whether it leads anywhere."""
        return self.answer[1:2] == b"\0" or self.answer.startswith(b"HTTP/1.1 200")


@asynccontextmanager
async def egress(
    rules: Rules | None = None, lookup: Lookup | None = None, *, opened: bool = True
) -> AsyncIterator[Egress]:
    """One that listens, with a run's rules: loopback is allowed where none are given. `opened`: a run has it."""
    way = Egress()
    await way.listen(loopback_listener())
    if opened:
        way.open(rules or Rules(allowed=LOOPBACK), Names(lookup) if lookup else None)
    try:
        yield way
    finally:
        way.close()
        while _open:
            writer = _open.pop()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def connect(port: int, host: str, to: int, *, early: bytes = b"") -> Connection:
    """By SOCKS5, with the host as a name."""
    reader, writer = await _opened(port)
    name = host.encode()
    writer.write(b"\x05\x01\x00\x05\x01\x00\x03" + bytes((len(name),)) + name)
    writer.write(to.to_bytes(2, "big") + early)
    await reader.readexactly(2)
    return Connection(await reader.readexactly(10), reader, writer)


async def connect_socket(port: int, host: str, to: int) -> Connection:
    """As for a WebSocket."""
    reader, writer = await _opened(port)
    writer.write(f"CONNECT {host}:{to} HTTP/1.1\r\nHost: {host}:{to}\r\n\r\n".encode())
    return Connection(await reader.readuntil(b"\r\n\r\n"), reader, writer)


async def _opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    _open.append(writer)
    return reader, writer

"""Servers end their connections with them, in whichever state these are."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from deploy.site.servers import Servers

HOST = "127.0.0.1"


class Attended:
    """What was heard; who speaks is listened to until the end."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.readline())
        await reader.readexactly(1)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(10):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True


async def test_a_connection_that_is_attended_to_is_closed() -> None:
    attended, servers = Attended(), Servers()
    reader, writer = await asyncio.open_connection(
        HOST, await servers.listen(attended, host=HOST, port=0)
    )
    writer.write(b"hello\n")
    async with asyncio.timeout(10):
        while not attended.heard:
            await asyncio.sleep(0.01)
    await servers.close()
    assert await is_closed(reader)
    writer.close()


async def test_a_connection_that_nobody_has_begun_to_attend_to_is_closed() -> None:
    attended, servers = Attended(), Servers()
    port = await servers.listen(attended, host=HOST, port=0)
    connecting = asyncio.create_task(asyncio.open_connection(HOST, port))
    async with asyncio.timeout(10):
        while not servers._connections:  # in this turn of the loop its task was made
            await asyncio.sleep(0)
    await servers.close()
    reader, writer = await connecting
    assert await is_closed(reader)
    assert attended.heard == []
    writer.close()


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_is_just_accepted_is_closed(turns: int) -> None:
    """Whatever has been done with it in so many turns of the loop."""
    attended, servers = Attended(), Servers()
    port = await servers.listen(attended, host=HOST, port=0)
    with socket.create_connection((HOST, port), timeout=5) as caller:
        for _ in range(turns):
            await asyncio.sleep(0)
        await servers.close()
        with contextlib.suppress(ConnectionResetError):
            assert caller.recv(1) == b""

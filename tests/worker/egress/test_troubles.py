"""Peers that do not keep to it: slow, half gone, too many, or none of ours. On uvloop and on Python's loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from deploy.site.servers import serving
from tests.support.egress import LOOPBACK
from tests.support.eventually import eventually
from tests.support.socks_client import connect, egress
from worker.egress import Egress, Rules, causes, upstream
from worker.egress import egress as module
from worker.egress.direct import Direct
from worker.egress.relay import READ_BYTES
from worker.egress.upstream import Upstream

Run = Callable[[Coroutine[Any, Any, None]], None]
MIB = 1024 * 1024
AT_ONCE = struct.pack("ii", 1, 0)  # with a reset


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    runner = uvloop.run if request.param == "uvloop" else asyncio.run

    def bounded(work: Coroutine[Any, Any, None]) -> None:
        async def within() -> None:
            async with asyncio.timeout(200):
                await work

        runner(within())

    return bounded


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(READ_BYTES):
        writer.write(data)
        await writer.drain()


async def forever(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(bytes(READ_BYTES))
        await writer.drain()


def held_bytes(way: Egress) -> int:
    """What an egress keeps for peers that do not take it."""
    sides = [side for each in way._passages for side in (each, each._other) if side is not None]
    return sum(each._transport.get_write_buffer_size() for each in sides if each._transport)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def still(count: Callable[[], int]) -> int:
    """A count that has stopped growing."""
    last = -1
    while count() != last:
        last = count()
        await asyncio.sleep(0.2)
    return last


def test_a_browser_that_does_not_read_holds_up_the_server(run: Run) -> None:
    async def scenario() -> None:
        async with serving(pour) as port, egress() as way:
            connection = await connect(way.port, "127.0.0.1", port)
            connection.reader._transport.pause_reading()  # type: ignore[attr-defined]
            received = await still(lambda: way.meter.bytes_received)
            assert received < 32 * MIB  # what the system's own buffers hold
            assert held_bytes(way) <= 2 * READ_BYTES

    run(scenario())


def test_a_server_that_does_not_read_holds_up_the_browser(run: Run) -> None:
    async def scenario() -> None:
        async with serving(forever) as port, egress() as way:
            connection = await connect(way.port, "127.0.0.1", port)
            pouring = asyncio.create_task(pour(connection.reader, connection.writer))
            sent = await still(lambda: way.meter.bytes_sent)
            assert sent < 32 * MIB
            assert held_bytes(way) <= 2 * READ_BYTES
            pouring.cancel()

    run(scenario())


def test_much_goes_through_whole(run: Run) -> None:
    async def scenario() -> None:
        async with serving(echo) as port, egress() as way:
            connection = await connect(way.port, "127.0.0.1", port)
            content = os.urandom(8 * MIB)

            async def send() -> None:
                connection.writer.write(content)
                connection.writer.write_eof()
                await connection.writer.drain()

            sending = asyncio.create_task(send())
            assert await connection.reader.read(-1) == content
            await sending
            assert way.meter.bytes == 2 * len(content)

    run(scenario())


def test_who_says_nothing_is_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GREETING_SECONDS", 0.1)

    async def scenario() -> None:
        async with egress() as way:
            for said in (b"", b"\x05", b"\x05\x01\x00", b"CONNECT "):
                reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
                writer.write(said)
                with contextlib.suppress(ConnectionError):
                    assert len(await reader.read()) <= 2
                writer.close()
            assert way.open_connections == 0

    run(scenario())


def test_a_server_that_never_ends_is_left_when_the_browser_has_gone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.egress.relay.HALF_OPEN_SECONDS", 0.2)

    async def scenario() -> None:
        async with serving(forever) as port, egress() as way:
            connection = await connect(way.port, "127.0.0.1", port)
            connection.writer.close()
            await eventually(lambda: way.open_connections == 0)

    run(scenario())


def test_what_the_server_breaks_off_is_broken_off(run: Run) -> None:
    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        connected = writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        writer.transport.abort()

    async def scenario() -> None:
        async with serving(breaking) as port, egress() as way:
            connection = await connect(way.port, "127.0.0.1", port)
            connection.writer.write(b"x")
            with pytest.raises(ConnectionResetError):
                await connection.reader.read()

    run(scenario())


def test_what_the_server_breaks_off_before_anything_is_said_is_broken_off(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is reset already has no peer to ask for its address."""
    connect_there = Direct.connect

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            async def connect_and_be_reset(direct: Direct, host: str, port: int) -> socket.socket:
                connected = await connect_there(direct, host, port)
                accepted, _ = listener.accept()
                with accepted:
                    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                return connected

            monkeypatch.setattr(Direct, "connect", connect_and_be_reset)
            async with egress() as way:
                connection = await connect(way.port, "127.0.0.1", listener.getsockname()[1])
                assert connection.is_connected
                with pytest.raises(ConnectionResetError):
                    await connection.reader.read()
                await eventually(lambda: way.open_connections == 0)

    run(scenario())
    gc.collect()  # tells of sockets that nobody closed


@pytest.mark.parametrize("end", ["of what it says", "closed", "reset"])
def test_a_proxy_that_has_ended_when_its_answer_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """What it said behind its answer is heard, and its end too, also where asyncio told that before we listened."""
    connect_by = upstream.connect

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nlast words")
        if end == "reset":
            connected = writer.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            await asyncio.sleep(0)
            writer.transport.abort()

    async def late(*args: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await connect_by(*args)
        told: Any = reader
        await eventually(lambda: told._exception if end == "reset" else told._eof)
        if end == "closed":  # as asyncio does by itself where there is TLS
            writer.close()
            await writer.wait_closed()
        return reader, writer

    async def scenario() -> None:
        async with serving(proxy) as port:
            by_proxy = Upstream(scheme="http", host="127.0.0.1", port=port)
            async with egress(Rules(allowed=LOOPBACK, upstream=by_proxy)) as way:
                monkeypatch.setattr(upstream, "connect", late)
                connection = await connect(way.port, "example.test", 80)
                assert connection.is_connected is (end != "reset")
                last_words = b"" if end == "reset" else b"last words"
                assert await connection.reader.read() == last_words
                connection.writer.close()
                await eventually(lambda: way.open_connections == 0)
        if end == "reset":
            assert (
                way.causes.true_text("net::ERR_SOCKS_CONNECTION_FAILED", "http://example.test/")
                == causes.RESET
            )

    run(scenario())


def test_a_run_has_so_many_connections_and_no_more(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 20)

    async def scenario() -> None:
        async with serving(echo) as port, egress() as way:
            open_ones = [await connect(way.port, "127.0.0.1", port) for _ in range(20)]
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await connect(way.port, "127.0.0.1", port)
            open_ones[0].writer.write(b"still here")
            assert await open_ones[0].reader.readexactly(10) == b"still here"
            open_ones[0].writer.close()
            await eventually(lambda: way.open_connections == 19)
            assert (await connect(way.port, "127.0.0.1", port)).is_connected

    run(scenario())


@pytest.mark.parametrize("run", ["uvloop"], indirect=True)
def test_ten_thousand_connections_leave_nothing(run: Run) -> None:
    async def one(way: Egress, port: int, number: int) -> None:
        host = ("127.0.0.1", "10.0.0.1", f"n{number}.test")[number % 3]
        connection = await connect(way.port, host, port)
        assert connection.is_connected is (host == "127.0.0.1")
        if connection.is_connected:
            connection.writer.write(b"x")
            assert await connection.reader.readexactly(1) == b"x"
        connection.writer.close()
        await connection.writer.wait_closed()

    def unknown(_name: str) -> Any:
        raise OSError

    async def scenario() -> None:
        async with serving(echo, backlog=1000) as port, egress(lookup=unknown) as way:
            await one(way, port, 0)
            before = open_files()
            for wave in range(100):
                await asyncio.gather(*(one(way, port, wave * 100 + each) for each in range(100)))
            await eventually(lambda: way.open_connections == 0)
            await eventually(lambda: open_files() <= before + 4)
            assert way.meter.connections == 10_001
            assert len(way.causes._failed) <= 1000

    run(scenario())


def test_noise_disturbs_nobody(run: Run) -> None:
    async def noise(way: Egress) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
        with contextlib.suppress(ConnectionError):
            writer.write(os.urandom(2000))
            writer.write_eof()
            await reader.read()
        writer.close()

    async def scenario() -> None:
        async with serving(echo) as port, egress() as way:
            connection = await connect(way.port, "127.0.0.1", port)
            for _ in range(20):
                await asyncio.gather(*(noise(way) for _ in range(50)))
                connection.writer.write(b"x")
                assert await connection.reader.readexactly(1) == b"x"
            await eventually(lambda: way.open_connections == 1)

    run(scenario())

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import socket
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from deploy.site.servers import serving
from schemas.egress import Address, parse_setting
from schemas.runtime_config import NetworkTraffic
from tests.support.egress import LOOPBACK
from tests.support.eventually import eventually
from tests.support.socks_client import connect, connect_socket, egress
from worker.egress import Egress, Rules, loopback_listener
from worker.egress.names import Names
from worker.egress.sockets import SocketRules


class Echo:
    """A server that says back what it hears, and counts who came."""

    def __init__(self) -> None:
        self.came = 0
        self.heard = b""
        self.port = 0

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        while data := await reader.read(65536):
            self.heard += data[:1000]
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def echo(host: str = "127.0.0.1") -> AsyncIterator[Echo]:
    served = Echo()
    async with serving(served._answer, host) as served.port:
        yield served


def own_address() -> str:
    """One of this machine that is not loopback."""
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            if each.family == socket.AF_INET and not each.address.startswith("127."):
                return str(each.address)
    pytest.skip("this machine has no address but loopback")


async def test_what_is_said_goes_both_ways_and_is_counted() -> None:
    async with echo() as server, egress() as way:
        connection = await connect(way.port, "127.0.0.1", server.port, early=b"early ")
        assert connection.is_connected
        connection.writer.write(b"and late")
        assert await connection.reader.readexactly(14) == b"early and late"
        connection.writer.write_eof()
        assert await connection.reader.read() == b""
        await eventually(lambda: way.open_connections == 0)
        assert (way.meter.bytes_sent, way.meter.bytes_received) == (14, 14)
        assert way.causes.address_of(f"http://127.0.0.1:{server.port}/", "127.0.0.1", way.port) == (
            "127.0.0.1",
            server.port,
        )


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1", "::1", "::", "localhost", "LocalHost", "localhost.",
     "a.b.localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "rebound.test", "own"],
)  # fmt: skip
@pytest.mark.parametrize("by_socket", [False, True])
async def test_this_host_is_closed_in_whatever_form(host: str, by_socket: bool) -> None:
    def lookup(name: str) -> tuple[Address, ...]:
        # What the system makes of numbers is what it would connect to.
        found = "127.0.0.1" if name == "rebound.test" else socket.gethostbyname(name)
        return (ipaddress.ip_address(found),)

    async with echo() as server, echo("0.0.0.0") as other, egress(Rules(), lookup) as way:
        port = other.port if host == "own" else server.port
        asked = own_address() if host == "own" else host
        by = connect_socket if by_socket else connect
        connection = await by(way.port, asked, port)
        assert not connection.is_connected
        assert await connection.reader.read() == b""
        assert server.came + other.came == 0
        [cause] = way.causes._failed.values()
        assert cause.error == "egress.refused"
        assert way.meter.refused == 1


async def test_a_name_is_judged_by_the_address_that_is_connected_to() -> None:
    answers = iter(["127.0.0.1", "127.0.0.2"])

    def rebinding(_name: str) -> tuple[Address, ...]:
        return (ipaddress.ip_address(next(answers)),)

    rules = Rules(allowed=parse_setting("127.0.0.1"))
    async with echo() as server, egress(rules, rebinding) as way:
        assert (await connect(way.port, "a.test", server.port)).is_connected
        way.open(rules, Names(rebinding))
        assert not (await connect(way.port, "a.test", server.port)).is_connected
        assert server.came == 1


async def test_of_several_addresses_only_those_that_may_be_are_tried() -> None:
    def both(_name: str) -> tuple[Address, ...]:
        return ipaddress.ip_address("127.0.0.2"), ipaddress.ip_address("127.0.0.1")

    async with echo("0.0.0.0") as server, egress(Rules(parse_setting("127.0.0.1")), both) as way:
        connection = await connect(way.port, "a.test", server.port)
        assert connection.is_connected
        at = way.causes.address_of(f"http://a.test:{server.port}", "127.0.0.1", way.port)
        assert at == ("127.0.0.1", server.port)


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("nowhere.invalid", "net::ERR_NAME_NOT_RESOLVED"),
        ("127.0.0.1", "net::ERR_CONNECTION_REFUSED"),
        ("10.1.2.3", "egress.refused: 10.1.2.3 is a private address"),
        ("inside.test", "egress.refused: inside.test is 10.1.2.3, a private address"),
    ],
)
async def test_what_was_the_matter_takes_the_place_of_chromiums_words(host: str, text: str) -> None:
    def lookup(name: str) -> tuple[Address, ...]:
        if name == "inside.test":
            return (ipaddress.ip_address("10.1.2.3"),)
        raise OSError

    async with egress(lookup=lookup) as way:
        assert not (await connect(way.port, host, 9)).is_connected
        url = f"http://{host}:9/x"
        assert way.causes.true_text("net::ERR_SOCKS_CONNECTION_FAILED", url) == text
        assert way.causes.true_text("net::ERR_ABORTED", url) == "net::ERR_ABORTED"
        assert (
            way.causes.true_text("net::ERR_SOCKS_CONNECTION_FAILED", "http://b.test/")
            == "net::ERR_SOCKS_CONNECTION_FAILED"
        )


async def test_who_does_not_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.egress.direct.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with contextlib.ExitStack() as waiting:
            for _ in range(8):  # more than its queue has room for
                one = waiting.enter_context(socket.socket())
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            async with egress() as way:
                assert not (await connect(way.port, "127.0.0.1", port)).is_connected
                [cause] = way.causes._failed.values()
                assert cause.error == "net::ERR_CONNECTION_TIMED_OUT"


async def test_nobody_goes_anywhere_before_a_run_has_the_browser() -> None:
    async with echo() as server, egress(opened=False) as way:
        assert not (await connect(way.port, "127.0.0.1", server.port)).is_connected
        assert server.came == 0


@pytest.mark.parametrize(
    ("traffic", "path", "opened"),
    [
        ({}, "/chat", True),
        ({"block_resource_types": ["websocket"]}, "/chat", False),
        ({"block_resource_types": ["image"]}, "/chat", True),
        ({"url_blocklist": ["ws://*/chat"]}, "/chat", False),
        ({"url_blocklist": ["ws://*/chat"]}, "/other", True),
        ({"url_allowlist": ["http://*"]}, "/chat", False),
        ({"url_allowlist": ["ws://127.0.0.1:*/chat"]}, "/chat", True),
        ({"url_allowlist": ["ws://127.0.0.1:*/chat"]}, "/other", False),
        ({"url_blocklist": ["*x"]}, "/" + "a" * 9000, False),  # too long to be compared
    ],
)
async def test_websockets_are_held_where_they_go_out(
    traffic: dict[str, list[str]], path: str, opened: bool
) -> None:
    rules = Rules(LOOPBACK, sockets=SocketRules(NetworkTraffic(**traffic)))  # type: ignore[arg-type]
    async with echo() as server, egress(rules) as way:
        connection = await connect_socket(way.port, "127.0.0.1", server.port)
        said = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(said), 4000):
                connection.writer.write(said[at : at + 4000])
                await connection.writer.drain()
        heard = b""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            heard = await connection.reader.readexactly(len(said))
        assert (heard == said) is opened
        assert (server.came == 1) is opened


@pytest.mark.parametrize(
    ("pattern", "opened"), [("wss://127.0.0.1:*/*", True), ("wss://127.0.0.1:*/chat", False)]
)
async def test_of_a_secure_websocket_what_stands_before_its_path_is_known(
    pattern: str, opened: bool
) -> None:
    rules = Rules(LOOPBACK, sockets=SocketRules(NetworkTraffic(url_allowlist=[pattern])))
    async with echo() as server, egress(rules) as way:
        connection = await connect_socket(way.port, "127.0.0.1", server.port)
        connection.writer.write(b"\x16\x03\x01 hello")
        heard = b""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            heard = await connection.reader.readexactly(9)
        assert bool(heard) is opened


async def test_a_runs_end_ends_all_that_is_open() -> None:
    async with echo() as server, egress() as way:
        connections = [await connect(way.port, "127.0.0.1", server.port) for _ in range(5)]
        way.close()
        for each in connections:
            with contextlib.suppress(ConnectionResetError):
                assert await each.reader.read() == b""
        assert way.open_connections == 0
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", way.port)


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_closed_before_or_while_it_opens_it_stays_closed(turns: int) -> None:
    way = Egress()
    opening = asyncio.create_task(way.listen(loopback_listener()))
    for _ in range(turns):
        await asyncio.sleep(0)
    way.close()
    with contextlib.suppress(
        asyncio.CancelledError
    ):  # as of a server that is closed while it starts
        await opening
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", way.port)


async def test_given_up_while_it_opens_it_can_be_closed() -> None:
    way = Egress()
    opening = asyncio.create_task(way.listen(loopback_listener()))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait({opening})
    way.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", way.port)


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_is_just_accepted_is_closed_with_it(turns: int) -> None:
    way = Egress()
    await way.listen(loopback_listener())
    with socket.create_connection(("127.0.0.1", way.port)) as caller:
        for _ in range(turns):
            await asyncio.sleep(0)
        way.close()
        for _ in range(4):  # turns, in which it is attached, and closed
            await asyncio.sleep(0)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            gc.collect()
        assert [str(each.message) for each in told] == []
        caller.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert caller.recv(1) == b""

"""The only way of one browser to anywhere: a proxy of its own, which connects to what is allowed.

It is there before anybody has the browser, and refuses all until a run opens it with its rules.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import structlog
from msgspec import Struct

from schemas.egress import Allowed
from worker.background import Background
from worker.egress import causes, upstream
from worker.egress.addresses import meant
from worker.egress.causes import Cause, Causes
from worker.egress.direct import Direct, Unreached
from worker.egress.meter import Meter
from worker.egress.names import Names, as_address, is_localhost
from worker.egress.relay import Side
from worker.egress.sockets import SocketRules, url_of
from worker.egress.socks import Greeting, NotUnderstood, Reply, Wanted
from worker.egress.upstream import Upstream
from worker.servers import close_server

log = structlog.get_logger(__name__)

MOST_CONNECTIONS = 512
GREETING_SECONDS = 30.0
BACKLOG = 256


class Rules(Struct, frozen=True):
    """Of one run: what it may reach beside the internet, by which proxy of its own, and with which WebSockets."""

    allowed: tuple[Allowed, ...] = ()
    upstream: Upstream | None = None
    sockets: SocketRules | None = None


def _stays_here(host: str) -> bool:
    """What means this host wherever it is said: Chromium asks no proxy for it, and neither do we."""
    address = as_address(host)
    if address is None:
        return is_localhost(host.rstrip("."))
    return meant(address).is_loopback or meant(address).is_link_local


def loopback_listener() -> socket.socket:
    """A listening socket on the host's own loopback, at a free port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setblocking(False)
    listener.bind(("127.0.0.1", 0))
    return listener


class Egress:
    """Takes the connections of one browser."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.causes = Causes()
        self._rules: Rules | None = None
        self._direct: Direct | None = None
        self._server: asyncio.Server | None = None
        self._is_closed = False
        self._passages: set[Passage] = set()
        self._background = Background()

    @property
    def port(self) -> int:
        """Where it listens; 0: nowhere yet."""
        return self.causes.proxy_port

    @property
    def open_connections(self) -> int:
        """How many it has now."""
        return len(self._passages)

    async def listen(self, listener: socket.socket) -> None:
        """Answer there from now on; nowhere, if it was closed. `listener` is bound, and becomes ours."""
        loop = asyncio.get_running_loop()
        self.causes.proxy_port = listener.getsockname()[1]
        if self._is_closed:
            listener.close()
            return
        # Not served in the same call: that waits a turn, in which a close would not know of it.
        self._server = await loop.create_server(
            lambda: Passage(self), sock=listener, backlog=BACKLOG, start_serving=False
        )
        await self._server.start_serving()

    def open(self, rules: Rules, names: Names | None = None) -> None:
        """A run has the browser: it may go where that may."""
        self._rules = rules
        self._direct = Direct(rules.allowed, names or Names())

    def close(self) -> None:
        """Take nothing more, for good, and end all there is."""
        self._is_closed = True
        if self._server is not None:
            close_server(self._server)
        for task in self._background.tasks:
            task.cancel()
        for passage in list(self._passages):
            passage.abort()

    # of passages

    def entered(self, passage: Passage) -> bool:
        """One more; whether there is room for it."""
        if self._is_closed or len(self._passages) >= MOST_CONNECTIONS:
            return False
        self._passages.add(passage)
        self.meter.connections += 1
        return True

    def left(self, passage: Passage) -> None:
        """One is over."""
        self._passages.discard(passage)

    def compares(self, wanted: Wanted) -> SocketRules | None:
        """The rules that have to see the URL of a WebSocket before it is connected, if there are any."""
        rules = self._rules.sockets if self._rules is not None and wanted.for_socket else None
        return rules if rules is not None and rules.compares and not rules.refuses_all else None

    def lead(self, passage: Passage, wanted: Wanted) -> None:
        """Connect it, and tell it when that is done."""
        self._background.start(self._lead(passage, wanted))

    async def _lead(self, passage: Passage, wanted: Wanted) -> None:
        side = Side(self._count_received, lambda: None)
        try:
            early = await self._connect(wanted, side)
        except Unreached as unreached:
            self._failed(wanted, unreached.cause)
            refused = unreached.cause.error in (causes.REFUSED, causes.BLOCKED)
            passage.refuse(Reply.REFUSED if refused else Reply.UNREACHABLE)
        except BaseException:  # a cancelled one too leaves neither side open; it goes on as it was
            side.abort()
            passage.abort()
            raise
        else:
            passage.lead_to(side, early)

    def _failed(self, wanted: Wanted, cause: Cause) -> None:
        self.causes.failed(wanted.host, wanted.port, cause)
        if cause.error == causes.REFUSED:
            self.meter.refused += 1
            log.info("egress.refused", host=wanted.host, port=wanted.port, reason=cause.detail)

    async def _connect(self, wanted: Wanted, side: Side) -> bytes:
        """Give `side` its connection; what came on it already. Raises Unreached."""
        rules, direct = self._rules, self._direct
        if rules is None or direct is None:
            raise Unreached(Cause(causes.REFUSED, "no run has this browser"))
        if wanted.for_socket and rules.sockets is not None and rules.sockets.refuses_all:
            raise Unreached(Cause(causes.BLOCKED))
        if rules.upstream is None or _stays_here(wanted.host):
            connected = await direct.connect(wanted.host, wanted.port)
            self._reached(wanted, connected)
            await asyncio.get_running_loop().create_connection(lambda: side, sock=connected)
            return b""
        self._judge(direct, wanted)
        return await self._connect_by(rules.upstream, direct, wanted, side)

    def _judge(self, direct: Direct, wanted: Wanted) -> None:
        """An address that is written out is not for a proxy to reach either. Raises Unreached."""
        address = as_address(wanted.host)
        refusal = direct.refusal(wanted.host, wanted.port, address) if address else None
        if refusal is not None:
            raise Unreached(Cause(causes.REFUSED, refusal))

    async def _connect_by(
        self, proxy: Upstream, direct: Direct, wanted: Wanted, side: Side
    ) -> bytes:
        reader, writer = await upstream.connect(proxy, direct, wanted.host, wanted.port)
        early = await _said_already(reader)
        if writer.is_closing():  # it has ended, which nobody is told again
            side.connection_lost(None)
            return early
        self._reached(wanted, writer.get_extra_info("socket"))
        side.owner = writer
        writer.transport.set_protocol(side)
        side.connection_made(writer.transport)
        return early

    def _reached(self, wanted: Wanted, connected: Any) -> None:
        with suppress(OSError):  # reset by its peer already: that is read soon, and told then
            address, port = connected.getpeername()[:2]
            self.causes.reached(wanted.host, wanted.port, address, port)

    def _count_received(self, count: int) -> None:
        self.meter.bytes_received += count


async def _said_already(reader: asyncio.StreamReader) -> bytes:
    """What came behind the proxy's answer. Raises Unreached."""
    reader.feed_eof()
    try:
        return await reader.read()
    except OSError as error:  # one of TLS, too
        raise Unreached(Cause(causes.RESET)) from error


class Passage(Side):
    """One connection of the browser, from its greeting to its end."""

    def __init__(self, egress: Egress) -> None:
        super().__init__(self._count_sent, self._on_over)
        self._egress = egress
        self._greeting: Greeting | None = Greeting()
        self._wanted: Wanted | None = None
        self._answered = False
        self._rules: SocketRules | None = None
        self._said = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._egress.entered(self):
            self.abort()
            return
        self.listen()
        self.wait(GREETING_SECONDS)

    def hear(self, data: bytes) -> None:
        """What the browser says before it is connected."""
        if self._rules is not None:
            self._said += data
            self._compare()
            return
        if self._greeting is None:
            self._said += data
            return
        try:
            answer, wanted = self._greeting.feed(data)
        except NotUnderstood:
            self.abort()
            return
        self.write(answer)
        if wanted is not None:
            self._greeted(wanted)

    def _greeted(self, wanted: Wanted) -> None:
        self._greeting = None
        self._wanted, self._said = wanted, wanted.early
        self._rules = self._egress.compares(wanted)
        if self._rules is None:
            self._lead()
        else:
            self._answer(Reply.CONNECTED)
            self._compare()

    def _compare(self) -> None:
        """A WebSocket's URL stands in the first that the page says to its server, whom nobody has called yet."""
        assert self._rules is not None
        assert self._wanted is not None
        url = url_of(self._wanted, self._said)
        if url is None:
            return
        if self._rules.refuses(url):
            self.abort()
        else:
            self._lead()

    def _lead(self) -> None:
        assert self._wanted is not None
        self._rules = None
        self.rest()
        self.pause()
        self._egress.lead(self, self._wanted)

    def _answer(self, reply: Reply) -> None:
        assert self._wanted is not None
        if not self._answered:
            self._answered = True
            self.write(self._wanted.answer(reply))

    def lead_to(self, side: Side, early: bytes) -> None:
        """It is connected."""
        self._answer(Reply.CONNECTED)
        self.write(early)
        side.write(self._said)
        self._egress.meter.bytes_sent += len(self._said)
        self._egress.meter.bytes_received += len(early)
        self._said = b""
        self.join(side)

    def refuse(self, reply: Reply) -> None:
        """It is not."""
        self._answer(reply)
        self.end()

    def _count_sent(self, count: int) -> None:
        self._egress.meter.bytes_sent += count

    def _on_over(self) -> None:
        self._egress.left(self)

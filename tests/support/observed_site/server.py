"""A server that writes down all it is asked and all it answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.site.servers import Servers
from tests.support.ports import new_listeners

from . import wire
from .access_log import Access
from .wire import Reply, Request

CERTIFICATE = Path(__file__).parent / "self_signed.pem"
LARGEST_HEAD_BYTES = 4 * 1024 * 1024
NOT_FOUND = Reply(404, b"There is nothing here.\n")


class Exchange:
    """One request, being answered."""

    def __init__(
        self,
        request: Request,
        access: Access,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.request = request
        self.access = access
        self._reader = reader
        self._writer = writer
        self.reusable = True

    async def answer(self, reply: Reply) -> None:
        """The whole answer at once."""
        await self.begin(reply.status, wire.head_of(reply))
        body = wire.encoded(reply) if self.request.method != "HEAD" else b""
        if reply.chunked:
            halves = body[: len(body) // 2], body[len(body) // 2 :], b""
            body = b"".join(map(wire.chunk, halves))
        await self.send(body, len(reply.body) if body else 0)
        self.access.finished = True
        self.reusable = self.reusable and reply.keep_alive

    async def begin(self, status: int, head: bytes) -> None:
        """Only the head."""
        self.access.status = status
        self.access.head_bytes = len(head)
        await self.send(head, 0)

    async def send(self, data: bytes, content_bytes: int) -> None:
        """Bytes of the body, which are so many bytes to the page."""
        self.access.sent_bytes += len(data)
        self.access.content_bytes += content_bytes
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self, size: int) -> bytes:
        """What the browser sends after its request."""
        return await self._reader.readexactly(size)

    async def gone(self) -> None:
        """Until the browser has closed the connection."""
        self.reusable = False
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass

    def close(self) -> None:
        """Close after what was sent."""
        self.reusable = False

    def reset(self) -> None:
        """End the connection with a reset."""
        self.reusable = False
        linger = struct.pack("ii", 1, 0)
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


Route = Reply | Callable[[Exchange], Awaitable[None]]


class ObservedSite:
    """`async with ObservedSite({"/": Reply(…)}) as site`. `log` has a line for each request that arrived, in order.

    One port answers as 127.0.0.1, localhost and [::1], which are three origins. `tls_url` has a certificate that
    nobody trusts; `dead_url` is a port at which nobody listens.
    """

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self.log: list[Access] = []
        self.port = self.tls_port = self.dead_port = 0  # until entered
        self._routes = dict(routes)
        self._servers = Servers()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_url(self) -> str:
        """Another origin, and another site."""
        return f"http://localhost:{self.port}"

    @property
    def third_url(self) -> str:
        """A third one."""
        return f"http://[::1]:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def dead_url(self) -> str:
        return f"http://127.0.0.1:{self.dead_port}"

    def seen(self, path: str) -> list[Access]:
        """The lines whose path begins so, and the favicons of such pages."""
        return [each for each in self.log if each.belongs_to(path)]

    async def __aenter__(self) -> Self:
        listeners = new_listeners()
        self.port = listeners[0].getsockname()[1]
        for each in listeners:
            await self._serve("http", sock=each)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE)
        self.tls_port = await self._serve("https", host="127.0.0.1", port=0, ssl=tls)
        self._dead = socket.socket()  # bound and not listening: connections are refused
        self._dead.bind(("127.0.0.1", 0))
        self.dead_port = self._dead.getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._dead.close()
        await self._servers.close()

    async def _serve(self, scheme: str, **where: object) -> int:
        attend = partial(self._attend, scheme)
        return await self._servers.listen(attend, limit=LARGEST_HEAD_BYTES, **where)

    async def _attend(
        self, scheme: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while await self._exchange(scheme, reader, writer):
            pass

    async def _exchange(
        self, scheme: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; whether another can follow on this connection."""
        raw = await reader.readuntil(b"\r\n\r\n")
        head = wire.parse_request(raw, scheme)
        access = Access(time.time_ns(), head.method, head.url, head.headers.get("Referer", ""))
        self.log.append(access)
        body = await reader.readexactly(int(head.headers.get("Content-Length", "0")))
        access.received_body_bytes = len(body)
        request = Request(head.method, head.url, head.path, head.query, head.headers, body)
        exchange = Exchange(request, access, reader, writer)
        await self._answer(exchange)
        return exchange.reusable

    async def _answer(self, exchange: Exchange) -> None:
        route = self._routes.get(exchange.request.path, NOT_FOUND)
        if isinstance(route, Reply):
            await exchange.answer(route)
        else:
            await route(exchange)

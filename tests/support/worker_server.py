"""A server that answers what a test says, on two sites, with an access log: the truth of what was asked for."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from types import TracebackType
from typing import Self

from deploy.site.servers import Servers
from tests.support.ports import new_listeners

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HTML = {"Content-Type": "text/html; charset=utf-8"}
SCRIPT = {"Content-Type": "text/javascript"}


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str  # with its query
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What to answer; `no-store` unless `headers` say otherwise. `pieces` after `body`, each a moment later."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Route = Callable[[Asked], Reply | Awaitable[Reply]]


class Server:
    """`async with Server({"/": "<h1>Hello</h1>"}) as server: server.url`. A path that is not there is 404.

    `asked` has each request, in order of arrival. `release` lets answers go that `hold` is waited for in.
    """

    def __init__(self, routes: dict[str, str | Reply | Route] | None = None) -> None:
        self.routes: dict[str, str | Reply | Route] = {
            "/favicon.ico": Reply(headers={"Cache-Control": "max-age=9999"}),
            "/blank": "<!doctype html><title>Blank</title>",
            **(routes or {}),
        }
        self.asked: list[Asked] = []
        self.release = asyncio.Event()
        self.port = 0  # until entered
        self._servers = Servers()

    @property
    def url(self) -> str:
        """One site."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_url(self) -> str:
        """The same as another site to a browser."""
        return f"http://localhost:{self.port}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, `GET /x`; without the icons that browsers fetch when they have time."""
        asked = [f"{each.method} {each.path}" for each in self.asked]
        return [each for each in asked if each != "GET /favicon.ico"]

    async def held(self, _asked: Asked) -> Reply:
        """A route: answers when it is released."""
        await self.release.wait()
        return Reply(headers=HTML, body=b"at last")

    async def __aenter__(self) -> Self:
        listeners = new_listeners()
        self.port = listeners[0].getsockname()[1]
        for listener in listeners:
            await self._servers.listen(self._attend, sock=listener)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._servers.close()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked = await _read(reader)
            self.asked.append(asked)
            if asked.headers.get("Upgrade", "").lower() == "websocket":
                await _echo(asked, reader, writer)
                return
            await self._answer(asked, writer)

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        reply = self._route(asked)
        if isinstance(reply, Awaitable):
            reply = await reply
        headers = {"Cache-Control": "no-store"}
        if reply.status not in (204, 304):
            headers["Content-Length"] = str(len(reply.body))
        lines = [f"{name}: {value}" for name, value in (headers | reply.headers).items()]
        head = "\r\n".join([f"HTTP/1.1 {reply.status} Said", *lines, "", ""])
        writer.write(head.encode("latin-1") + (b"" if asked.method == "HEAD" else reply.body))
        await writer.drain()

    def _route(self, asked: Asked) -> Reply | Awaitable[Reply]:
        route = self.routes.get(asked.path.partition("?")[0], Reply(404))
        if isinstance(route, str):
            return Reply(headers=HTML, body=route.encode())
        return route if isinstance(route, Reply) else route(asked)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = await reader.readuntil(b"\r\n\r\n")
    first, _, rest = head.partition(b"\r\n")
    method, path, _version = first.decode("latin-1").split(" ")
    headers = BytesHeaderParser().parsebytes(rest)
    body = await reader.readexactly(int(headers.get("Content-Length", "0")))
    return Asked(method, path, headers, body)


async def _echo(asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A WebSocket that says what it hears; one at a path with `refused` is none."""
    if "refused" in asked.path:
        writer.write(b"HTTP/1.1 403 Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        return
    key = asked.headers["Sec-WebSocket-Key"].encode() + MAGIC
    accept = base64.b64encode(hashlib.sha1(key, usedforsecurity=False).digest()).decode()
    lines = ["HTTP/1.1 101 Said", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {accept}", "", ""]
    writer.write("\r\n".join(lines).encode())
    opcode = 0
    while opcode != 8:
        opcode, payload = await _frame(reader)
        writer.write(bytes([0x80 | opcode]) + _length(len(payload)) + payload)
        await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(size)
    whole = (mask * (size // 4 + 1))[:size]
    plain = int.from_bytes(masked, "big") ^ int.from_bytes(whole, "big")
    return first & 0x0F, plain.to_bytes(size, "big")


def _length(size: int) -> bytes:
    if size < 126:
        return bytes([size])
    return b"\x7e" + size.to_bytes(2, "big") if size < 65536 else b"\x7f" + size.to_bytes(8, "big")

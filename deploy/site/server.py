"""The demo site's server: HTTP/1.1 on both loopback addresses, and an access log."""

import asyncio
import errno
import socket
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

from .answers import CONTENT_TYPES, answer
from .servers import Servers
from .wire import Access, Answer, UnreadableRequest, encode_answer, parse_head

PAGES = Path(__file__).parent / "pages"
PORT_ATTEMPTS = 20


class Site:
    """The demo site, up for as long as its `async with` block. A Site is entered once.

    `requests` holds an Access(method, path, status, body_bytes) for each request, in order
    of arrival. A line is there before the first byte of its answer is sent, so whatever a
    browser has seen answered is in the list.
    """

    def __init__(self) -> None:
        self.requests: list[Access] = []
        self.port = 0  # until entered
        self._pages: dict[str, bytes] = {}
        self._servers = Servers()

    @property
    def url(self) -> str:
        """Where the site is, without a slash at the end: `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_url(self) -> str:
        """The same pages as another site to a browser: `http://localhost:PORT`."""
        return f"http://localhost:{self.port}"

    async def __aenter__(self) -> Self:
        self._pages = read_pages(PAGES)
        listeners = open_listeners()
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
        while await self._exchange(reader, writer):
            pass

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when no other can follow on this connection."""
        try:
            head = parse_head(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            return _refuse(writer, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        except UnreadableRequest as unreadable:
            return _refuse(writer, unreadable.status)
        body = await reader.readexactly(head.body_bytes)
        reply = answer(head.method, head.path, self._pages, body)
        with_body = head.method != "HEAD"
        body_bytes = len(reply.body) if with_body else 0
        self.requests.append(Access(head.method, head.path, int(reply.status), body_bytes))
        await asyncio.sleep(reply.delay_ms / 1000)
        writer.write(encode_answer(reply, with_body=with_body, keep_alive=head.keep_alive))
        await writer.drain()
        return head.keep_alive


def _refuse(writer: asyncio.StreamWriter, status: HTTPStatus) -> bool:
    # Not in the access log: it has no method and path to be compared by.
    refusal = Answer(status, "text/plain; charset=utf-8", f"{status.phrase}\n".encode())
    writer.write(encode_answer(refusal, with_body=True, keep_alive=False))
    return False


def read_pages(folder: Path) -> dict[str, bytes]:
    """Each page's bytes by its path on the site, such as "/about.html"."""
    files = (file for file in sorted(folder.iterdir()) if file.suffix in CONTENT_TYPES)
    return {f"/{file.name}": file.read_bytes() for file in files}


def open_listeners() -> list[socket.socket]:
    """Listening sockets on one free port: 127.0.0.1, and ::1 where the machine has it.

    `localhost` may mean either address. On 127.0.0.1 alone a stranger could hold the same
    port of ::1, and a browser that asks for `localhost` would be shown the stranger's pages.
    """
    for _ in range(PORT_ATTEMPTS):
        first = socket.create_server(("127.0.0.1", 0), backlog=128)
        try:
            return [first, *_open_second(first.getsockname()[1])]
        except OSError:
            first.close()
    raise OSError(errno.EADDRINUSE, "found no port that is free on both loopback addresses")


def _open_second(port: int) -> list[socket.socket]:
    """The socket on ::1, or none without IPv6. Raises OSError when the port is taken there."""
    try:
        return [socket.create_server(("::1", port), family=socket.AF_INET6, backlog=128)]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise
        return []

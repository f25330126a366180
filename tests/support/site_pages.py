"""A site whose pages a test writes itself. It sees what it was asked, and can let a browser wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from deploy.site.servers import Servers
from deploy.site.wire import Answer, encode_answer, parse_head
from tests.support.ports import new_listeners

HTML = "text/html; charset=utf-8"
NOT_FOUND = Answer(404, "text/plain", b"There is nothing here.\n")


class Pages:
    """`async with Pages({"/": "<h1>Hello</h1>"}) as pages: pages.url`.

    `heads` holds each request's head as text. What is asked for at a path in `hold` is answered once
    the test calls `release(path)`.
    """

    def __init__(self, pages: Mapping[str, str | Answer], hold: tuple[str, ...] = ()) -> None:
        self.heads: list[str] = []
        self.port = 0  # until entered
        self._pages = {path: _answer(page) for path, page in pages.items()}
        self._held = {path: asyncio.Event() for path in hold}
        self._servers = Servers()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def release(self, path: str) -> None:
        """Answer what waits at `path`, and what will be asked there."""
        self._held[path].set()

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
        """One request a connection: nothing here is about speed."""
        raw = await reader.readuntil(b"\r\n\r\n")
        head = parse_head(raw)
        await reader.readexactly(head.body_bytes)
        self.heads.append(raw.decode("latin-1"))
        path = head.path.partition("?")[0]
        if path in self._held:
            await self._held[path].wait()
        answer = self._pages.get(path, NOT_FOUND)
        writer.write(encode_answer(answer, with_body=head.method != "HEAD", keep_alive=False))
        await writer.drain()


def _answer(page: str | Answer) -> Answer:
    return page if isinstance(page, Answer) else Answer(200, HTML, page.encode())

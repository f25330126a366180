"""Asking an API for pages over a plain socket that stays open: what a client adds is not measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.bench.stack import KEY, Api

Ask = Callable[[str, bytes], Awaitable[int]]


@asynccontextmanager
async def asking(api: Api) -> AsyncIterator[Ask]:
    """`ask(path, mark)`: how often the mark stands in the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)

    async def ask(path: str, mark: bytes) -> int:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nAuthorization: Bearer {KEY}"
        writer.write(f"{head}\r\n\r\n".encode())
        fields = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = fields.partition(b"content-length:")[2].partition(b"\r\n")[0]
        return (await reader.readexactly(int(length))).count(mark)

    try:
        yield ask
    finally:
        writer.close()

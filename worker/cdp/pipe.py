"""The pipe to a browser: messages end with a NUL byte, in both directions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from worker.chromium.process import PipeEnds

END = b"\0"


class Pipe(asyncio.Protocol):
    """Cuts what the browser writes into messages and hands each to `on_message`, in order, synchronously."""

    def __init__(self, on_message: Callable[[bytes], None]) -> None:
        self._on_message = on_message
        self._pieces: list[bytes] = []
        self._writer: asyncio.WriteTransport | None = None
        self._reader: asyncio.ReadTransport | None = None

    @classmethod
    async def open(cls, ends: PipeEnds, on_message: Callable[[bytes], None]) -> Pipe:
        """Take over our ends of the pipe."""
        loop = asyncio.get_running_loop()
        pipe = cls(on_message)
        writer, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(ends.to_browser, "wb", buffering=0)
        )
        pipe._writer = writer
        reader, _ = await loop.connect_read_pipe(
            lambda: pipe, os.fdopen(ends.from_browser, "rb", buffering=0)
        )
        pipe._reader = reader
        return pipe

    def data_received(self, data: bytes) -> None:
        """Bytes from the browser: nothing, one or many messages."""
        *complete, rest = data.split(END)
        for piece in complete:
            message = b"".join((*self._pieces, piece)) if self._pieces else piece
            self._pieces.clear()
            self._on_message(message)
        if rest:
            self._pieces.append(rest)

    def send(self, message: bytes) -> None:
        """Write one message; nothing happens when the browser is gone (its end is told by the process)."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(message + END)

    def close(self) -> None:
        """Close both ends; a browser that still runs then ends by itself."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.abort()
        if self._reader is not None:
            self._reader.close()

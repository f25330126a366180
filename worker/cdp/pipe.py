"""The channel to a browser: messages end with a NUL byte, in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import cast

END = b"\0"
CHUNK_BYTES = 256 * 1024


class Pipe(asyncio.Protocol):
    """Cuts what the browser writes into messages and hands each to `on_message`, in order, synchronously.

    `on_full(True)` asks those who send to wait until `on_full(False)`: the browser reads more slowly than they write.
    """

    def __init__(
        self, on_message: Callable[[bytes], None], on_full: Callable[[bool], None]
    ) -> None:
        self._on_message = on_message
        self._on_full = on_full
        self._pieces: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._channel: socket.socket | None = None

    @classmethod
    async def open(
        cls,
        channel: socket.socket,
        on_message: Callable[[bytes], None],
        on_full: Callable[[bool], None] = lambda _full: None,
    ) -> Pipe:
        """Take over our end of the channel. Raises OSError."""
        _, pipe = await asyncio.get_running_loop().create_connection(
            lambda: cls(on_message, on_full), sock=channel
        )
        pipe._channel = channel
        return pipe

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The channel is ours."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the browser: nothing, one or many messages."""
        *complete, rest = data.split(END)
        for piece in complete:
            message = b"".join((*self._pieces, piece)) if self._pieces else piece
            self._pieces.clear()
            self._on_message(message)
        if rest:
            self._pieces.append(rest)

    def take_the_rest(self) -> None:
        """Hand on what a browser that is dead by now had still written: its last words are in the channel."""
        if self._channel is None or self._transport is None or self._transport.is_closing():
            return
        with contextlib.suppress(OSError):  # there is nothing more to read
            while data := self._channel.recv(CHUNK_BYTES):
                self.data_received(data)

    def pause_writing(self) -> None:
        """The browser does not keep up."""
        self._on_full(True)

    def resume_writing(self) -> None:
        """It does again."""
        self._on_full(False)

    def send(self, message: bytes) -> None:
        """Write one message; nothing happens when the browser is gone (its end is told by the process)."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(message + END)

    def close(self) -> None:
        """Close the channel; a browser that still runs then ends by itself."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()

"""The channel to a browser: messages end with a NUL byte, in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import cast

END = b"\0"
CHUNK_BYTES = 256 * 1024
# What one browser may say in one turn of the loop, in whole messages; then it is the others' turn.
TURN_BYTES = 64 * 1024
# Chromium's own messages end far below; what is in the place of one could say for ever what never ends.
MOST_MESSAGE_BYTES = 1024 * 1024 * 1024
PIECE_BYTES = 64  # what a piece takes beside its own


class Pipe(asyncio.Protocol):
    """Cuts what the browser writes into messages and hands each to `on_message`, in order, synchronously.

    A browser that has more to say than `TURN_BYTES` is not read from until that is heard, a part in each turn of the
    loop.

    `on_full(True)` asks those who send to wait until `on_full(False)`: the browser reads more slowly than they write.

    `on_too_large` is called once, where a message is larger than `MOST_MESSAGE_BYTES`: nothing more is heard.
    """

    def __init__(
        self,
        on_message: Callable[[bytes], None],
        on_full: Callable[[bool], None],
        on_too_large: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_message = on_message
        self._on_full = on_full
        self._on_too_large = on_too_large
        self._too_large = False
        self._pieces: list[bytes] = []
        self._pieces_bytes = 0
        self._complete: deque[bytes] = deque()
        self._resting = False
        self._transport: asyncio.Transport | None = None
        self._channel: socket.socket | None = None

    @classmethod
    async def open(
        cls,
        channel: socket.socket,
        on_message: Callable[[bytes], None],
        on_full: Callable[[bool], None] = lambda _full: None,
        on_too_large: Callable[[], None] = lambda: None,
    ) -> Pipe:
        """Take over our end of the channel. Raises OSError."""
        _, pipe = await asyncio.get_running_loop().create_connection(
            lambda: cls(on_message, on_full, on_too_large), sock=channel
        )
        pipe._channel = channel
        return pipe

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The channel is ours."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the browser: nothing, one or many messages."""
        if self._too_large:
            return
        self._cut(data)
        self._hand_on()

    def _cut(self, data: bytes) -> None:
        *ends, rest = data.split(END)
        for end in ends:
            self._complete.append(b"".join((*self._pieces, end)) if self._pieces else end)
            self._forget_pieces()
        if not rest:
            return
        self._pieces.append(rest)
        self._pieces_bytes += len(rest) + PIECE_BYTES
        if self._pieces_bytes > MOST_MESSAGE_BYTES:
            self._hear_no_more()

    def _forget_pieces(self) -> None:
        self._pieces.clear()
        self._pieces_bytes = 0

    def _hear_no_more(self) -> None:
        self._too_large = True
        self._forget_pieces()
        if self._transport is not None:
            self._transport.abort()
        self._on_too_large()

    def _hand_on(self) -> None:
        """Hand on one turn's worth of messages."""
        left_bytes = TURN_BYTES
        try:
            while self._complete and left_bytes > 0:
                message = self._complete.popleft()
                left_bytes -= len(message)
                self._on_message(message)
        finally:
            if self._complete and not self._resting:
                self._rest()

    def _rest(self) -> None:
        """Give the loop a turn before the next message."""
        self._resting = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._resting = False
        self._hand_on()
        if self._resting or self._transport is None or self._transport.is_closing():
            return
        self._transport.resume_reading()

    def take_the_rest(self) -> None:
        """Hand on what a browser that is dead by now had still written: its last words are in the channel."""
        while self._complete:
            self._on_message(self._complete.popleft())
        if self._channel is None or self._transport is None or self._transport.is_closing():
            return
        with contextlib.suppress(OSError):  # there is nothing more to read
            while not self._too_large and (data := self._channel.recv(CHUNK_BYTES)):
                self._cut(data)
                while self._complete:
                    self._on_message(self._complete.popleft())

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
        self._complete.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()

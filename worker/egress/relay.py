"""Two connections become one: what comes in here goes out there, no faster than it is taken there.

Each side reads as long as the other's buffer has room, 64 KiB at a time and in a turn of the loop; so a connection
holds 128 KiB a direction at most, however fast one peer writes and however slowly the other reads.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

READ_BYTES = 64 * 1024
# When one side has said all it had to, the other may go on for so long without a word.
HALF_OPEN_SECONDS = 60.0

_AT_ONCE = struct.pack("ii", 1, 0)  # with a reset

_buffer = memoryview(
    bytearray(READ_BYTES)
)  # what a side reads it hands on before another one reads


class Side(asyncio.BufferedProtocol):
    """One end. `count` is told of what came in here for the other one; `on_over` is called once, when it is closed."""

    def __init__(self, count: Callable[[int], None], on_over: Callable[[], None]) -> None:
        self._count = count
        self._on_over = on_over
        self._transport: asyncio.Transport | None = None
        self._other: Side | None = None
        self._is_over = False
        self._is_silent = False
        self._is_half = False
        self._timer: asyncio.TimerHandle | None = None
        self.owner: object = None  # what closes its transport when nobody holds it any more

    def join(self, other: Side) -> None:
        """From now on they are one; each closes with the other."""
        self._other, other._other = other, self
        for one, two in ((self, other), (other, self)):
            if two._is_over:
                one.end()
            else:
                one.listen()

    def hear(self, data: bytes) -> None:
        """What comes before there is another side."""

    # its transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is read before somebody wants it."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class
        self._transport.set_write_buffer_limits(READ_BYTES)
        self._transport.pause_reading()

    def get_buffer(self, _sizehint: int) -> memoryview:
        """The same one for all."""
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Something came."""
        data = bytes(_buffer[:nbytes])
        if self._other is None:
            self.hear(data)
        else:
            self._count(nbytes)
            self._other.write(data)

    def pause_writing(self) -> None:
        """Its peer takes no more now: nothing is read for it."""
        if self._other is not None:
            self._other.pause()

    def resume_writing(self) -> None:
        """Its peer takes more."""
        if self._other is not None:
            self._other.listen()

    def eof_received(self) -> bool:
        """Its peer says no more, and may listen still; both are over when the other one has said all, too."""
        other, self._is_silent = self._other, True
        return other is not None and not other._is_silent and other.end_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed, or was broken off; then so is the other one."""
        self._is_over = True
        self._transport = self.owner = None
        self.rest()
        if self._other is not None:
            self._other.break_off() if error is not None else self._other.end()
        self._on_over()

    # what is done with it

    def listen(self) -> None:
        """Read what comes."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def pause(self) -> None:
        """Read nothing more for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def write(self, data: bytes) -> None:
        """Kept until its peer takes it."""
        if self._transport is not None and data:
            self._transport.write(data)
            if self._is_half:
                self.wait(HALF_OPEN_SECONDS)

    def end_writing(self) -> bool:
        """Say that nothing more comes; whether that can be said without closing."""
        if self._transport is None or not self._transport.can_write_eof():
            return False
        self._transport.write_eof()
        self._wait_half()
        return True

    def end(self) -> None:
        """Close it, once its peer has taken what was written."""
        if self._transport is not None:
            self._transport.close()
            self._wait_half()

    def break_off(self) -> None:
        """Close it as a peer does that has died: what was written is taken first, if anything waits still."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size():
            self.end()
            return
        connected = self._transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def abort(self) -> None:
        """Close it now, whatever waits."""
        if self._transport is not None:
            self._transport.abort()

    def _wait_half(self) -> None:
        """One way is closed: what comes by the other one makes it wait anew."""
        self._is_half = True
        self.wait(HALF_OPEN_SECONDS)

    def wait(self, seconds: float) -> None:
        """Give it up after so long, unless it is told to wait again or to rest."""
        self.rest()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.abort)

    def rest(self) -> None:
        """Give it up no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

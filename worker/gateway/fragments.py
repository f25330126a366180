"""A client's message that comes in fragments, until it is whole."""

from __future__ import annotations

# Of one message of a client's; one of this size takes several times as much on its way to the browser.
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
# A frame takes the loop's time, however little is in it.
FRAME_BYTES = 64


class MessageTooLarge(Exception):
    """There is more of it than MAX_MESSAGE_BYTES."""


class Fragments:
    """Those of one client, in one piece of memory: a frame of two bytes takes no more than that."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._cost_bytes = 0

    def take(self, payload: bytes, *, last: bool) -> bytes | None:
        """The message, once its last fragment is there. Raises MessageTooLarge; then nothing is kept."""
        self._cost_bytes += len(payload) + FRAME_BYTES
        if self._cost_bytes > MAX_MESSAGE_BYTES + FRAME_BYTES:
            self._forget()
            raise MessageTooLarge
        if last and not self._begun:
            self._cost_bytes = 0
            return payload
        self._begun += payload
        if not last:
            return None
        message = bytes(self._begun)
        self._forget()
        return message

    def _forget(self) -> None:
        self._begun = bytearray()
        self._cost_bytes = 0

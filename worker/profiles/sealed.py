"""A stream of bytes sealed in chunks: what was changed, cut off, moved or is of another profile does not open.

Form: `RRSEAL1\\n`, the key's name (8 hex digits), 7 random bytes; then chunks of 1 MiB, each with a tag of 16 bytes. A
chunk's nonce is those random bytes, its number and whether it is the last (the STREAM construction), so that chunks
cannot change places and none can be missing in the end.
"""

from __future__ import annotations

import secrets
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.sealing import CannotUnseal, key_id

MAGIC = b"RRSEAL1\n"
CHUNK_BYTES = 1024 * 1024
TAG_BYTES = 16
PREFIX_BYTES = 7
KEY_ID_BYTES = 8
HEAD_BYTES = len(MAGIC) + KEY_ID_BYTES + PREFIX_BYTES


class SealingWriter:
    """Seals what is written into `to`. Without `close` the last chunk is missing, and nothing of it opens."""

    def __init__(self, to: IO[bytes], key: bytes, context: str) -> None:
        self._to = to
        self._cipher = AESGCM(key)
        self._context = context.encode()
        self._prefix = secrets.token_bytes(PREFIX_BYTES)
        self._buffer = bytearray()
        self._number = 0
        to.write(MAGIC + key_id(key).encode() + self._prefix)

    def write(self, data: bytes) -> int:
        """Take more of it."""
        self._buffer += data
        # A full one is kept back: it may be the last, which is not known before `close`.
        while len(self._buffer) > CHUNK_BYTES:
            self._seal(bytes(self._buffer[:CHUNK_BYTES]), last=False)
            del self._buffer[:CHUNK_BYTES]
        return len(data)

    def flush(self) -> None:
        """What is held back is less than a chunk."""

    def close(self) -> None:
        """That was all."""
        self._seal(bytes(self._buffer), last=True)
        self._buffer.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, last=last)
        self._to.write(self._cipher.encrypt(nonce, chunk, self._context))
        self._number += 1


class UnsealingReader:
    """Reads what was sealed. Raises CannotUnseal, at once where the key is another; nothing unproven is handed out."""

    def __init__(self, sealed: IO[bytes], key: bytes, context: str) -> None:
        self._sealed = sealed
        self._cipher = AESGCM(key)
        self._context = context.encode()
        self._prefix = _open_head(sealed.read(HEAD_BYTES), key)
        self._next = sealed.read(CHUNK_BYTES + TAG_BYTES)
        self._plain = b""
        self._number = 0
        self._ended = False

    def read(self, size_bytes: int = -1) -> bytes:
        """So many bytes, or fewer; none at the end. Negative: all there are."""
        if size_bytes < 0:
            return b"".join(iter(lambda: self.read(CHUNK_BYTES), b""))
        while not self._plain and not self._ended:
            self._plain = self._unseal()
        part, self._plain = self._plain[:size_bytes], self._plain[size_bytes:]
        return part

    def _unseal(self) -> bytes:
        chunk, self._next = self._next, self._sealed.read(CHUNK_BYTES + TAG_BYTES)
        self._ended = not self._next
        nonce = _nonce(self._prefix, self._number, last=self._ended)
        self._number += 1
        try:
            return self._cipher.decrypt(nonce, chunk, self._context)
        except (InvalidTag, ValueError) as error:
            raise CannotUnseal(
                "It was changed, cut off, or is the seal of something else."
            ) from error


def _open_head(head: bytes, key: bytes) -> bytes:
    if len(head) < HEAD_BYTES or not head.startswith(MAGIC):
        raise CannotUnseal("It is sealed in a form that this version does not know.")
    if head[len(MAGIC) :][:KEY_ID_BYTES] != key_id(key).encode():
        raise CannotUnseal("It was sealed under another secret (RUNREEL_SECRET).")
    return head[-PREFIX_BYTES:]


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])

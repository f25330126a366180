"""Filling a scratch in a process of its own: one core reads the stream, another one projects.

What goes over to it is one frame a batch, MessagePack after a length of four bytes; what comes back is one
frame a batch, empty or saying why that one failed. It ends with its input, however its parent ends.

python -m recorder.ops.filling FILE
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog
from msgspec import Struct

from recorder.entries import Message
from recorder.ops.scratch import Scratch, make_scratch
from recorder.projections import PROJECTIONS

LENGTH_BYTES = 4


class FillingFailed(Exception):
    """The scratch could not be filled."""


class _Batch(Struct, array_like=True):
    stream: str
    epoch: int
    messages: list[tuple[int, str, bytes, str]]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Batch)


class Filling:
    """The parent's side. Batches are projected in the order of the calls."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._batches = process.stdin
        self._answers = process.stdout
        self._turn = asyncio.Lock()  # those who wait get it in the order in which they came

    async def apply(self, messages: Sequence[Message]) -> None:
        """Project one stream's messages; done when this returns. Raises FillingFailed."""
        first = messages[0]
        rows = [(each.position, each.subject, each.body, each.message_id) for each in messages]
        self._batches.write(_frame(_encoder.encode(_Batch(first.stream, first.epoch, rows))))
        async with self._turn:
            try:
                await self._batches.drain()
                length = await self._answers.readexactly(LENGTH_BYTES)
                answer = await self._answers.readexactly(int.from_bytes(length))
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise FillingFailed("The process that fills the scratch database ended.") from error
        if answer:
            raise FillingFailed(answer.decode())

    async def finish(self) -> None:
        """Close the file; others may read it then. Raises FillingFailed."""
        self._batches.close()
        if await self._process.wait():
            raise FillingFailed("The scratch database could not be closed.")


@asynccontextmanager
async def filling(file: Path) -> AsyncIterator[Filling]:
    """A new scratch, and the process that fills it, which is gone after the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "recorder.ops.filling", str(file)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Filling(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _frame(body: bytes) -> bytes:
    return len(body).to_bytes(LENGTH_BYTES) + body


def _fill(scratch: Scratch, batches: BinaryIO, answers: BinaryIO) -> None:
    """The child's side, until there are no more batches."""
    while length := batches.read(LENGTH_BYTES):
        batch = _decoder.decode(batches.read(int.from_bytes(length)))
        try:
            scratch.apply(_messages(batch))
            answer = b""
        except Exception as error:  # told to the parent, who gives up
            answer = f"{type(error).__name__}: {error}".encode()
        answers.write(_frame(answer))
        answers.flush()


def _messages(batch: _Batch) -> list[Message]:
    return [
        Message(
            stream=batch.stream,
            epoch=batch.epoch,
            position=position,
            subject=subject,
            body=body,
            message_id=message_id,
        )
        for position, subject, body, message_id in batch.messages
    ]


def main(file: Path) -> None:
    """Fill a new scratch from standard input. What is wrong with single messages the recorder has told."""
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(
        wrapper_class=silent, logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    with make_scratch(file, PROJECTIONS) as scratch:
        _fill(scratch, sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

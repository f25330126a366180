"""Filling a scratch in a process of its own: one core reads the stream, another one projects.

What goes over to it is one frame a batch, MessagePack after a length of four bytes; what comes back is one
frame a batch, empty or saying why that one failed. It ends with its input, however its parent ends.

python -m recorder.ops.filling FILE DATABASE STREAM…
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE
from typing import IO, TypeVar

import msgspec
import structlog
from msgspec import Struct

from recorder.entries import Message
from recorder.ops import scratch as scratches
from recorder.ops.decisions import foresee
from recorder.ops.scratch import Scratch, make_scratch, open_scratch
from recorder.projections import PROJECTIONS
from recorder.store.store import SWITCH_SECONDS
from schemas.problems import CannotStart
from schemas.settings import PREFIX

T = TypeVar("T")

LENGTH_BYTES = 4
# A batch makes some ten thousand objects, none of them in a circle. By default they are gone through again and again.
GARBAGE = 100_000


class FillingFailed(CannotStart):
    """The scratch could not be filled."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Is there room on its disk? Nothing was changed.")


class _Batch(Struct, array_like=True):
    stream: str
    epoch: int
    messages: list[tuple[int, str, bytes, str]]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Batch)


class Filling:
    """The parent's side. Batches are projected in the order of the calls.

    Threads write and read: on the event loop a frame would go over in pieces of a pipe's size, each after
    a turn of a loop that is busy with the next messages. The next frame is under way before the answer to
    the one before is read, so that the other process does not wait for us.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], writing: Executor, reading: Executor
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._batches = process.stdin
        self._answers = process.stdout
        self._writing = writing
        self._reading = reading

    async def apply(self, messages: Sequence[Message]) -> None:
        """Project one stream's messages; done when this returns. Raises FillingFailed."""
        first = messages[0]
        rows = [(each.position, each.subject, each.body, each.message_id) for each in messages]
        batch = _encoder.encode(_Batch(first.stream, first.epoch, rows))
        loop = asyncio.get_running_loop()
        written = loop.run_in_executor(self._writing, _write_frame, self._batches, batch)
        answered = loop.run_in_executor(self._reading, _read_frame, self._answers)
        try:
            _, answer = await asyncio.gather(written, answered)
        except (EOFError, OSError) as error:
            raise FillingFailed("The process that fills the scratch database ended.") from error
        if answer:
            raise FillingFailed(answer.decode())

    async def finish(self) -> None:
        """Close the file; others may read it then. Raises FillingFailed."""
        await asyncio.get_running_loop().run_in_executor(self._writing, self._end)
        if self._process.returncode:
            raise FillingFailed("The scratch database could not be closed.")

    def _end(self) -> None:
        self._batches.close()
        self._process.wait()


def _environment() -> dict[str, str]:
    """All but our settings, which it needs none of: there are secrets among them."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


@asynccontextmanager
async def filling(file: Path, database: Path, streams: Iterable[str]) -> AsyncIterator[Filling]:
    """The process that fills a scratch, a new one where there is none; it is gone after the block.

    What operators decided about messages of these streams is taken over from the live database.
    """
    sys.setswitchinterval(SWITCH_SECONDS)  # else our threads wait 5 ms for a loop that is busy
    arguments = [str(file), str(database), *streams]
    command = [sys.executable, "-m", "recorder.ops.filling", *arguments]
    with (
        ThreadPoolExecutor(1, "batches") as writing,
        ThreadPoolExecutor(1, "answers") as reading,
        subprocess.Popen(command, env=_environment(), stdin=PIPE, stdout=PIPE) as process,  # noqa: ASYNC220  # for a thread
    ):
        try:
            yield Filling(process, writing, reading)
        finally:
            process.kill()  # does nothing to one that has finished


def _write_frame(sink: IO[bytes], body: bytes) -> None:
    sink.write(_frame(body))
    sink.flush()


def _read_frame(source: IO[bytes]) -> bytes:
    """The next one. Raises EOFError where there is none."""
    length = source.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        raise EOFError
    return source.read(int.from_bytes(length))


def _frame(body: bytes) -> bytes:
    return len(body).to_bytes(LENGTH_BYTES) + body


def _fill(scratch: Scratch, batches: IO[bytes], answers: IO[bytes]) -> None:
    """The child's side, until there are no more batches."""
    while True:
        try:
            batch = _decoder.decode(_read_frame(batches))
        except EOFError:
            return
        try:
            scratch.apply(_messages(batch))
            answer = b""
        except Exception as error:  # told to the parent, who gives up
            answer = f"{type(error).__name__}: {error}".encode()
        _write_frame(answers, answer)


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


def main(file: Path, database: Path, streams: Sequence[str]) -> None:
    """Fill a scratch from standard input. What is wrong with single messages the recorder has told."""
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(
        wrapper_class=silent, logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    gc.set_threshold(GARBAGE)
    begin = open_scratch if file.exists() else make_scratch
    with begin(file, PROJECTIONS) as scratch:
        with scratches.reading(database) as live:
            foresee(live, scratch, streams)
        _fill(scratch, sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])

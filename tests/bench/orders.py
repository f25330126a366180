"""Processes of our own that wait for orders on stdin and answer on stdout, a line each; they end with their stdin."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bench.processes import ROOT, module

LONGEST_LINE_BYTES = 64 * 1024 * 1024


class Servant:
    """Our side of one."""

    def __init__(self, orders: asyncio.StreamWriter, answers: asyncio.StreamReader) -> None:
        self._orders, self._answers = orders, answers

    def go(self) -> None:
        """Let it do its next thing."""
        self._orders.write(b"\n")

    async def answer(self) -> bytes:
        """The next line it says. Raises RuntimeError when it has ended instead."""
        line = await self._answers.readline()
        if not line:
            raise RuntimeError("a process of the measurement ended early; its words are above")
        return line


@asynccontextmanager
async def servant(name: str, *arguments: str) -> AsyncIterator[Servant]:
    """The module of that name as a process, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *module(name, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=sys.stderr,
        cwd=ROOT,
        limit=LONGEST_LINE_BYTES,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Servant(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        await process.wait()


async def orders() -> asyncio.StreamReader:
    """The other side: what we are told, a line each."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


def say(line: bytes) -> None:
    """Answer whoever gives the orders."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()

"""Processes that a figure starts, each ended by its own id."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 20.0
STOP_SECONDS = 20.0


@asynccontextmanager
async def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child process for as long as the block lasts; told to end, then killed."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(os.environ, **(environment or {})),
            cwd=ROOT,
        )
    try:
        yield process
    finally:
        await _end(process)


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours with this Python."""
    return [sys.executable, "-m", name, *arguments]


async def until(ready: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until something is ready, with a deadline."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not await ready():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise TimeoutError(f"{what} was not ready within {READY_SECONDS:.0f} s") from None


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()

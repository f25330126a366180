"""Asks the recorder that has a database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import msgspec

from recorder.admin.address import connected, socket_path
from recorder.admin.messages import MOST_ANSWER_BYTES, Answer, Request
from schemas.problems import CannotReach

SECONDS = 10.0


class RecorderNotRunning(Exception):
    """Nobody answers for this database; its lock may be taken, if it is free."""


async def ask(database: Path, request: Request, seconds: float | None = SECONDS) -> Answer:
    """The answer of the recorder that has `database`; `seconds` None waits for as long as it works.

    Raises RecorderNotRunning, CannotReach when it does not answer in time or not like one of ours.
    """
    try:
        client = connected(socket_path(database))
    except OSError as error:
        raise RecorderNotRunning from error
    reader, writer = await asyncio.open_unix_connection(sock=client, limit=MOST_ANSWER_BYTES)
    try:
        async with asyncio.timeout(seconds):
            writer.write(msgspec.json.encode(request) + b"\n")
            line = await reader.readuntil(b"\n")
        answer: Answer = msgspec.json.decode(line, type=Answer)
    except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
        raise _no_answer(database, error) from error
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return answer


def _no_answer(database: Path, error: Exception) -> CannotReach:
    why = str(error) or "it took too long"
    return CannotReach(
        f"The recorder that has {database} does not answer ({why}).",
        "Its log may say why; is it of the same version as this command?",
    )

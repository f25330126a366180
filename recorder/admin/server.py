"""Listens beside the database of this recorder, for as long as it runs. Bad input gets an error line."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec
import structlog

from recorder.admin.address import bound, socket_path
from recorder.admin.desk import answer
from recorder.admin.messages import MOST_REQUEST_BYTES, Answer, Refused, Request
from recorder.parts import Recorder
from schemas.problems import CannotStart, Problem, RequestInvalid

log = structlog.get_logger()

REQUEST_SECONDS = 10.0


@asynccontextmanager
async def open_admin(recorder: Recorder) -> AsyncIterator[None]:
    """Answer operators in this block. Where the socket cannot be, that is logged and no more."""
    path = socket_path(Path(recorder.settings.database))
    try:
        listener = bound(path)
    except OSError as error:
        log.warning("admin.socket_not_opened", path=str(path), reason=str(error))
        yield
        return
    conversations: set[asyncio.Task[None]] = set()
    server = await asyncio.start_unix_server(
        partial(_meet, recorder, conversations), sock=listener, limit=MOST_REQUEST_BYTES
    )
    try:
        yield
    finally:
        server.close()
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        path.unlink(missing_ok=True)


def _meet(
    recorder: Recorder,
    conversations: set[asyncio.Task[None]],
    reader: StreamReader,
    writer: StreamWriter,
) -> None:
    conversation = asyncio.create_task(_converse(recorder, reader, writer), name="admin")
    conversations.add(conversation)
    conversation.add_done_callback(conversations.discard)


async def _converse(recorder: Recorder, reader: StreamReader, writer: StreamWriter) -> None:
    """One line, one answer. Whoever leaves before the answer does not stop what he asked for."""
    try:
        said = await _answer(recorder, reader)
        if said is not None:
            writer.write(msgspec.json.encode(said) + b"\n")
            with suppress(OSError):
                await writer.drain()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _answer(recorder: Recorder, reader: StreamReader) -> Answer | None:
    try:
        request = await _read(reader)
        return None if request is None else await answer(recorder, request)
    except Problem as problem:
        return Refused(code=problem.code, message=problem.message, hint=problem.hint or "")
    except CannotStart as problem:
        return Refused(code="refused", message=problem.message, hint=problem.hint)
    except Exception as error:  # a question must never end the recorder
        log.exception("admin.failed")
        return Refused(
            code="server.error",
            message=f"The recorder failed to do this: {type(error).__name__}.",
            hint="Its log has the details.",
        )


async def _read(reader: StreamReader) -> Request | None:
    """The request, None when the other end has left. Raises RequestInvalid."""
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            line = await reader.readuntil(b"\n")
        request: Request = msgspec.json.decode(line, type=Request)
    except (EOFError, OSError):
        return None
    except TimeoutError:
        raise RequestInvalid(f"No line came within {REQUEST_SECONDS:.0f} s.") from None
    except asyncio.LimitOverrunError:
        raise RequestInvalid(f"A request is at most {MOST_REQUEST_BYTES} bytes long.") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RequestInvalid(f"This is no request: {error}.") from error
    return request

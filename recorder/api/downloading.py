"""Content as it goes out: as fast as its reader takes it, and broken off rather than short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import structlog
from litestar import Response
from litestar.types import Receive, Scope

from recorder import cancelling
from recorder.api import content
from recorder.api.content import Bytes
from recorder.api.endpoint import Call, Content
from recorder.artifacts import MIB
from schemas.artifacts import object_path
from schemas.problems import ContentMissing, Problem, RangeNotSatisfiable, StorageUnavailable
from schemas.resources import File

log = structlog.get_logger()

Part = bytes | memoryview
Deliver = Callable[[Any], Awaitable[None]]  # ASGI's send, as servers know it: bodies may be views
Gone = Callable[[], Awaitable[None]]

ABORT = "abort"  # in a request's state: cuts its connection at once
PIECE_BYTES = MIB
PIECE_SECONDS = 60.0  # a reader who takes less than that stands still
OF_A_BODY = ("content-type", "content-disposition")
CONTENT_PROBLEMS = (ContentMissing, RangeNotSatisfiable, StorageUnavailable)


async def content_of(call: Call[object, None], file: File) -> Content:
    """What a GET or HEAD of a file's content is answered with: whole, one range, or that it is known.

    Raises RangeNotSatisfiable, ContentMissing (also where the store has another one), StorageUnavailable.
    """
    known = call.headers.get("if-none-match")
    described = content.headers(file)
    if content.is_known(known, described["etag"]):
        return Content(304, _without_body(described))
    wanted = _wanted(call, file)
    path = object_path(file.space_id, file.id)
    await call.recorder.artifacts.check(path, file.size_bytes)
    return Content(
        206 if wanted.partial else 200,
        described | content.range_headers(wanted, file.size_bytes),
        None if call.head else call.recorder.artifacts.parts(path, wanted.first, wanted.end),
    )


def _wanted(call: Call[object, None], file: File) -> Bytes:
    """A range is something of GET alone."""
    given = {} if call.head else call.headers
    return content.wanted_bytes(given, content.etag(file), file.size_bytes)


def _without_body(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in OF_A_BODY}


async def response(answer: Content, gone: Gone) -> Response[Any]:
    """The answer, once its first part is here. Raises what that part raises."""
    first = b"" if answer.parts is None else await anext(answer.parts, b"")
    return _Response(_Sending(answer, first, gone))


class _Response(Response[None]):
    """What Litestar calls as an application of its own."""

    def __init__(self, sending: _Sending) -> None:
        super().__init__(None)
        self._sending = sending

    def to_asgi_response(self, *_args: Any, **_options: Any) -> _Sending:  # type: ignore[override]
        return self._sending


class _Sending:
    def __init__(self, answer: Content, first: Part, gone: Gone) -> None:
        self._answer = answer
        self._first = first
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Deliver) -> None:
        """Without its last message the server breaks the connection, and the reader knows that more was to come."""
        start = {"status": self._answer.status, "headers": _encoded(self._answer.headers)}
        await send({"type": "http.response.start", **start})
        try:
            if self._answer.parts is None or await self._send_parts(send, self._answer.parts):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.warning("content.broken_off", code="reader.stands", reason="It takes nothing.")
            scope["state"][ABORT]()

    async def _send_parts(self, send: Deliver, parts: AsyncGenerator[Part, None]) -> bool:
        """Whether all went out."""
        gone = asyncio.ensure_future(self._gone())
        try:
            return await self._send_while(send, parts, gone)
        except Problem as problem:
            log.warning("content.broken_off", code=problem.code, reason=problem.message)
            return False
        finally:
            await cancelling.end([gone])

    async def _send_while(
        self, send: Deliver, parts: AsyncGenerator[Part, None], gone: asyncio.Future[None]
    ) -> bool:
        """Until all is sent or the client is gone: the server would take what nobody reads any more."""
        async with aclosing(parts):
            await _send_part(send, self._first)
            async for part in parts:
                if gone.done():
                    return False
                await _send_part(send, part)
        return True


async def _send_part(send: Deliver, part: Part) -> None:
    """Raises TimeoutError, when its reader stands still."""
    view = memoryview(part)
    for first in range(0, len(view), PIECE_BYTES):
        async with asyncio.timeout(PIECE_SECONDS):
            piece = view[first : first + PIECE_BYTES]
            await send({"type": "http.response.body", "body": piece, "more_body": True})


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

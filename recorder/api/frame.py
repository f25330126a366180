"""What holds for every request, around its endpoint: Host, request id, positions, log line."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from recorder.api import answers
from recorder.api.door import Door, Headers, answer_headers
from recorder.api.parse import invalid
from recorder.news import News
from recorder.parts import Recorder
from schemas import subjects
from schemas.problems import Problem

log = structlog.get_logger()

STREAMS = (subjects.RUNS, subjects.CONTROL)
CATCH_UP_SECONDS = 2.0
LAG = b"x-runreel-lag"


class Frame:
    """The ASGI application around Litestar's."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self._app = app
        self._news = recorder.news
        self._door = Door(recorder.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            return
        began = time.perf_counter()
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        request_id = answers.request_id(headers.get("x-request-id", ""))
        scope.setdefault("state", {})["request_id"] = request_id
        extra: Headers = [(b"x-request-id", request_id.encode())]

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra.append((b"x-runreel-position", _position_text(self._news).encode()))
                given = _one_lag([*message.get("headers", []), *extra])
                message["headers"] = answer_headers(scope, given)
                _log_line(scope, message["status"], began, request_id)
            await send(message)

        try:
            self._door.let_in(scope, headers)
            if await self._met_by_cors(scope, headers, extra, framed):
                return
            if lag := await self._catch_up(headers.get("x-runreel-min-position")):
                extra.append((LAG, lag.encode()))
        except Problem as problem:
            await _answer(framed, problem, request_id)
            return
        await self._app(scope, receive, framed)

    async def _met_by_cors(
        self, scope: HTTPScope, headers: Mapping[str, str], extra: Headers, send: Send
    ) -> bool:
        """Whether that was all: a browser asked if a page may ask."""
        cors, origin = self._door.cors, headers.get("origin", "")
        wanted = headers.get("access-control-request-method", "")
        extra += cors.headers(origin)
        if not cors.is_preflight(scope["method"], origin, wanted):
            return False
        allowed = cors.preflight()
        await send({"type": "http.response.start", "status": 204, "headers": allowed})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _catch_up(self, wanted: str | None) -> str:
        """Wait, at most 2 s, until the tables show what another recorder showed; what is missing."""
        if not wanted:
            return ""
        lags = []
        for stream, position in parse_positions(wanted):
            if not await self._news.wait_for_position(stream, position, CATCH_UP_SECONDS):
                lags.append(f"{stream}={position - self._news.position(stream)}")
        return ",".join(lags)


def parse_positions(text: str) -> Iterable[tuple[str, int]]:
    """`RUNS=12,CONTROL=3`, as `x-runreel-position` has it. Raises RequestInvalid."""
    for part in text.split(","):
        stream, _, position = part.strip().partition("=")
        if stream not in STREAMS or not position.isdecimal() or len(position) > 18:
            raise invalid("x-runreel-min-position", "x-runreel-min-position is not a position.")
        yield stream, int(position)


def _one_lag(headers: Headers) -> Headers:
    """With all that is behind in one header: the streams, and what the endpoint adds to them."""
    lags = [value for name, value in headers if name == LAG]
    rest = [(name, value) for name, value in headers if name != LAG]
    return [*rest, (LAG, b",".join(reversed(lags)))] if lags else rest


def _position_text(news: News) -> str:
    return ",".join(f"{stream}={news.position(stream)}" for stream in STREAMS)


async def _answer(send: Send, problem: Problem, request_id: str) -> None:
    body = answers.problem_body(problem, request_id)
    headers = [(b"content-type", answers.JSON.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _log_line(scope: Scope, status: int, began: float, request_id: str) -> None:
    """Never the query: it may carry cursors and, later, tokens."""
    log.debug(
        "http.answered",
        method=scope.get("method"),
        path=scope["path"],
        status=status,
        milliseconds=round((time.perf_counter() - began) * 1000, 1),
        request_id=request_id,
    )

"""The endpoints as a Litestar application: route, check the key, parse, call, encode.

Queries and bodies are decoded by msgspec from the same structs that describe them in /openapi.json,
so what is documented is what is accepted. Litestar routes, reads bodies and streams.
"""

from __future__ import annotations

import re
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from litestar.types import ASGIApp, Method

from recorder.api import (
    about,
    answers,
    artifacts,
    auth,
    commands,
    connections,
    downloading,
    events,
    files,
    health,
    ingest,
    invocations,
    parse,
    runs,
    runtime_changes,
    runtimes,
    spaces,
    targets,
)
from recorder.api.endpoint import Answer, Call, Content, Endpoint, EventStream
from recorder.api.frame import Frame
from recorder.parts import Recorder
from schemas import codec
from schemas.problems import (
    MethodNotAllowed,
    Problem,
    RequestInvalid,
    RequestTooLarge,
    RouteNotFound,
    ServerError,
)

log = structlog.get_logger()

MOST_BODY_BYTES = 10_000_000
STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}

OPERATIONS: tuple[Endpoint, ...] = (
    *spaces.ENDPOINTS,
    *runtimes.ENDPOINTS,
    *runtime_changes.ENDPOINTS,
    *connections.ENDPOINTS,
    *targets.ENDPOINTS,
    *runs.ENDPOINTS,
    *events.ENDPOINTS,
    *ingest.ENDPOINTS,
    *commands.ENDPOINTS,
    *invocations.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *files.ENDPOINTS,
    *auth.ENDPOINTS,
    *health.ENDPOINTS,
)

AnyRequest = Request[Any, Any, Any]


def build(recorder: Recorder) -> ASGIApp:
    """The ASGI application of one recorder."""
    endpoints = (*OPERATIONS, *about.endpoints(OPERATIONS))
    litestar = Litestar(
        route_handlers=[_route(endpoint, recorder) for endpoint in endpoints],
        exception_handlers={Exception: _answer_error},
        request_max_body_size=MOST_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
    )
    return Frame(litestar, recorder)


def _route(endpoint: Endpoint, recorder: Recorder) -> HTTPRouteHandler:
    async def answer(request: Request[Any, Any, Any]) -> Response[Any]:
        if not endpoint.public:
            key = recorder.settings.api_key
            auth.check_key(request.headers.get("authorization", ""), key)
        call = await _call(endpoint, recorder, request)
        return await _response(endpoint, await endpoint.handler(call), call)

    path = re.sub(r"{(\w+)}", r"{\1:str}", endpoint.path)
    methods: list[Method] = [endpoint.method]
    if endpoint.answer is bytes:
        methods.append("HEAD")
    handler = HTTPRouteHandler(
        path, http_method=methods, name=endpoint.name, status_code=endpoint.status
    )
    return handler(answer)


async def _call(endpoint: Endpoint, recorder: Recorder, request: AnyRequest) -> Call[Any, Any]:
    body: object = None
    if endpoint.body is not None:
        read = endpoint.read or partial(parse.body, kind=endpoint.body)
        body = read(await request.body())
    return Call(
        recorder=recorder,
        path={name: str(value) for name, value in request.path_params.items()},
        query=parse.query(request.scope["query_string"], endpoint.query),
        body=body,
        headers=request.headers,
        gone=partial(_gone, request),
        head=request.method == "HEAD",
    )


async def _gone(request: AnyRequest) -> None:
    """Wait until the client has hung up. Its body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _response(endpoint: Endpoint, answer: object, call: Call[Any, Any]) -> Response[Any]:
    if isinstance(answer, Content):
        return await downloading.response(answer, call.gone)
    if isinstance(answer, EventStream):
        return Stream(answer.frames, media_type=answers.SSE, headers=STREAM_HEADERS)
    if isinstance(answer, Answer):
        return _json(codec.encode(answer.body), answer.status)
    return _json(codec.encode(answer), endpoint.status)


def _json(body: bytes, status: int, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(body, status_code=status, media_type=answers.JSON, headers=headers)


def _answer_error(request: AnyRequest, error: Exception) -> Response[bytes]:
    problem = _problem(error)
    request_id = request.scope["state"]["request_id"]
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        path = request.scope["path"]
        log.error("http.failed", path=path, request_id=request_id, exc_info=error)
    body = answers.problem_body(problem, request_id)
    return _json(body, problem.status, answers.problem_headers(problem))


def _problem(error: Exception) -> Problem:
    """Any error as one of the contract's; what it was stays in the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _FRAMEWORK.get(error.status_code, RequestInvalid)()
    return ServerError()


_FRAMEWORK: dict[int, type[Problem]] = {
    HTTPStatus.NOT_FOUND: RouteNotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: RequestTooLarge,
    HTTPStatus.INTERNAL_SERVER_ERROR: ServerError,
}

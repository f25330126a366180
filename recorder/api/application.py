"""The endpoints as a Litestar application: route, check the key, parse, call, encode.

Queries and bodies are decoded by msgspec from the same structs that describe them in /openapi.json,
so what is documented is what is accepted. Litestar routes, reads bodies and streams.
"""

from __future__ import annotations

import asyncio
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
    activity,
    answers,
    api_keys,
    artifacts,
    auth,
    commands,
    connections,
    downloading,
    ending,
    events,
    files,
    guard,
    health,
    ingest,
    invocations,
    parse,
    runs,
    runtime_changes,
    runtimes,
    search,
    spaces,
    targets,
    usage,
)
from recorder.api.endpoint import Answer, Call, Content, Endpoint, EventStream
from recorder.api.frame import Frame
from recorder.keys import NOBODY, Key
from recorder.parts import Recorder
from schemas.problems import (
    MethodNotAllowed,
    Problem,
    RequestInvalid,
    RequestTimedOut,
    RequestTooLarge,
    RouteNotFound,
    ServerError,
)

log = structlog.get_logger()

MOST_BODY_BYTES = 10_000_000
BODY_SECONDS = 60.0
STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}

OPERATIONS: tuple[Endpoint, ...] = (
    *spaces.ENDPOINTS,
    *runtimes.ENDPOINTS,
    *runtime_changes.ENDPOINTS,
    *connections.ENDPOINTS,
    *targets.ENDPOINTS,
    *runs.ENDPOINTS,
    *usage.ENDPOINTS,
    *events.ENDPOINTS,
    *activity.ENDPOINTS,
    *ingest.ENDPOINTS,
    *search.ENDPOINTS,
    *commands.ENDPOINTS,
    *invocations.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *files.ENDPOINTS,
    *auth.ENDPOINTS,
    *api_keys.ENDPOINTS,
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
        key = await _key(endpoint, recorder, request)
        await guard.check(endpoint, key, _path(request), recorder.store)
        call = await _call(endpoint, recorder, request, key)
        return await _response(endpoint, await _handled(endpoint, call), call)

    path = re.sub(r"{(\w+)}", r"{\1:str}", endpoint.path)
    methods: list[Method] = [endpoint.method]
    if endpoint.answer is bytes:
        methods.append("HEAD")
    handler = HTTPRouteHandler(
        path, http_method=methods, name=endpoint.name, status_code=endpoint.status
    )
    return handler(answer)


async def _handled(endpoint: Endpoint, call: Call[Any, Any]) -> object:
    """What only reads ends with its key, also while it waits; what changes something is done as a whole."""
    if endpoint.needs != "read":
        return await endpoint.handler(call)
    async with call.recorder.keyring.held(call.key):
        return await endpoint.handler(call)


async def _key(endpoint: Endpoint, recorder: Recorder, request: AnyRequest) -> Key:
    if endpoint.public:
        return NOBODY
    address = request.client.host if request.client else ""
    given = request.headers.get("authorization", "")
    return await auth.check_key(given, address, recorder.admission)


async def _call(
    endpoint: Endpoint, recorder: Recorder, request: AnyRequest, key: Key
) -> Call[Any, Any]:
    body: object = None
    if endpoint.body is not None:
        read = endpoint.read or partial(parse.body, kind=endpoint.body)
        body = read(await _whole_body(request))
    return Call(
        recorder=recorder,
        key=key,
        path=_path(request),
        query=guard.narrowed(parse.query(request.scope["query_string"], endpoint.query), key),
        body=guard.narrowed(body, key),
        headers=request.headers,
        gone=partial(_gone, request),
        head=request.method == "HEAD",
        base_url=_base_url(recorder, request),
    )


def _path(request: AnyRequest) -> dict[str, str]:
    return {name: str(value) for name, value in request.path_params.items()}


def _base_url(recorder: Recorder, request: AnyRequest) -> str:
    """By the setting, else as it came. (Which hosts those may be was checked before.)"""
    host = request.headers.get("host", "")
    public = recorder.settings.public_url.rstrip("/")
    return public or (f"{request.scope['scheme']}://{host}" if host else "")


async def _whole_body(request: AnyRequest) -> bytes:
    """Raises RequestTimedOut, where its sender stands still."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.body()
    except TimeoutError:
        raise RequestTimedOut from None


async def _gone(request: AnyRequest) -> None:
    """Wait until the client has hung up. Its body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _response(endpoint: Endpoint, answer: object, call: Call[Any, Any]) -> Response[Any]:
    if isinstance(answer, Content):
        return await downloading.response(ending.content(answer, call), call.gone)
    if isinstance(answer, EventStream):
        return Stream(
            ending.frames(answer.frames, call), media_type=answers.SSE, headers=STREAM_HEADERS
        )
    if isinstance(answer, Answer):
        return _json(answers.body(answer.body), answer.status, dict(answer.headers))
    return _json(answers.body(answer), endpoint.status)


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

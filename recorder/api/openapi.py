"""/openapi.json: OpenAPI 3.1 from the endpoints and the structs they decode and encode. Pure."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, get_type_hints

import msgspec
from msgspec import NODEFAULT

from recorder.api.answers import JSON, SSE
from recorder.api.endpoint import Call, Endpoint
from recorder.api.guard import has_space_field
from recorder.api.idempotent import KEY
from schemas.problems import (
    AuthForbidden,
    AuthRequired,
    CursorInvalid,
    HeadersTooLarge,
    HostForbidden,
    IdempotencyConflict,
    Problem,
    RateLimited,
    RequestInvalid,
    RequestTimedOut,
    RequestTooLarge,
    ServerError,
    SpaceNotFound,
    StorageUnavailable,
)
from schemas.resources import ProblemBody, RunEnded, RunEvent

Json = dict[str, Any]
Handler = Callable[[Call[Any, Any]], Awaitable[object]]

REFS = "#/components/schemas/{name}"
EVERYWHERE: tuple[type[Problem], ...] = (
    RequestInvalid,
    HostForbidden,
    RequestTimedOut,
    HeadersTooLarge,
    ServerError,
)


def document(endpoints: Sequence[Endpoint]) -> Json:
    """The whole description."""
    types = _types(endpoints)
    schemas, components = msgspec.json.schema_components(types, ref_template=REFS)
    names = dict(zip(map(str, types), schemas, strict=True))
    paths: Json = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, names)
        path = paths.setdefault(endpoint.path, {})
        path[endpoint.method.lower()] = operation
        if endpoint.answer is bytes:
            path["head"] = _headers_only(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Runreel API", "version": _version()},
        "servers": [{"url": "/"}],
        "security": [{"bearerAuth": []}],
        "paths": paths,
        "components": {
            "schemas": spelled(components),
            "securitySchemes": {
                "bearerAuth": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Use Bearer <api-key>.",
                }
            },
        },
    }


def spelled(node: Any) -> Any:
    """Schemas in the usual spelling: enums say their type, a nullable text is `[string, null]`."""
    if isinstance(node, list):
        return [spelled(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: spelled(value) for key, value in node.items()}
    if all(isinstance(value, str) for value in node.get("enum", (None,))):
        node.setdefault("type", "string")
    if all(set(option) == {"type"} for option in node.get("anyOf", ({},))):
        node["type"] = [option["type"] for option in node.pop("anyOf")]
    return node


def _types(endpoints: Sequence[Endpoint]) -> list[Any]:
    bodies = [body for endpoint in endpoints for body in _bodies(endpoint)]
    answers = [endpoint.answer for endpoint in endpoints if endpoint.answer not in (None, bytes)]
    distinct = {str(kind): kind for kind in (*bodies, *answers, RunEvent, RunEnded, ProblemBody)}
    return list(distinct.values())


def _operation(endpoint: Endpoint, names: Json) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": (endpoint.handler.__doc__ or "").strip(),
        "tags": [endpoint.tag],
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint)],
        "responses": _responses(endpoint, names),
    }
    if endpoint.public:
        operation["security"] = []
    else:
        operation["x-runreel-needs"] = endpoint.needs
        operation["parameters"].append(_AUTHORIZATION)
    if endpoint.idempotent:
        operation["parameters"].append(_IDEMPOTENCY_KEY)
    if endpoint.body is not None:
        operation["requestBody"] = _request_body(endpoint, names)
    return operation


def _headers_only(operation: Json) -> Json:
    answers = operation["responses"].items()
    return {
        **operation,
        "operationId": f"{operation['operationId']}-head",
        "responses": {status: {"description": each["description"]} for status, each in answers},
    }


# OpenAPI 3.1 leaves this to `security`, and readers ignore it here; the original spells it out.
_AUTHORIZATION: Json = {
    "name": "Authorization",
    "in": "header",
    "description": "Use Bearer <api-key>.",
    "required": True,
    "schema": {"type": "string"},
}


_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": (
        "The same key with the same request gets the first answer again, for 24 hours; while that is not"
        " there yet, 409 with Retry-After; another request with it, 409."
    ),
    "required": False,
    "schema": {"type": "string", "pattern": KEY.pattern},
}


def _path_parameters(endpoint: Endpoint) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", endpoint.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(endpoint: Endpoint) -> Iterator[Json]:
    hints = get_type_hints(endpoint.query, include_extras=True)
    for field in msgspec.structs.fields(endpoint.query):
        schema = _parameter_schema(hints[field.name])
        # `metadata[job]=1`; what OpenAPI has no word for, `metadata.job=1`, is said in its description.
        style = {"style": "deepObject"} if schema.get("type") == "object" else {}
        yield {
            "name": field.encode_name,
            "in": "query",
            "required": field.default is NODEFAULT and field.default_factory is NODEFAULT,
            "schema": schema,
            **style,
        }


def _parameter_schema(kind: Any) -> Json:
    """A parameter is absent rather than null; a list is also taken as one text."""
    schema = msgspec.json.schema(kind)
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        return dict(options[0])
    if schema.get("type") == "array":
        return {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    return schema


def _bodies(endpoint: Endpoint) -> tuple[Any, ...]:
    if isinstance(endpoint.body, tuple):
        return endpoint.body
    return () if endpoint.body is None else (endpoint.body,)


def _request_body(endpoint: Endpoint, names: Json) -> Json:
    bodies = _bodies(endpoint)
    schemas = [names[str(body)] for body in bodies]
    content: Json = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
    if endpoint.examples:
        content["examples"] = {name: {"value": body} for name, body in endpoint.examples.items()}
    return {"required": all(map(_has_required_field, bodies)), "content": {JSON: content}}


def _has_required_field(body: Any) -> bool:
    """A choice of several always has: the one that says which of them it is."""
    if not isinstance(body, type):
        return True
    return any(field.required for field in msgspec.structs.fields(body))


def _responses(endpoint: Endpoint, names: Json) -> Json:
    good = {"description": "Default Response", "content": _good_content(endpoint, names)}
    problems = _problem_responses(endpoint, names)
    if endpoint.answer is not bytes:
        return {str(endpoint.status): good, **problems}
    part = {**good, "description": "The range of bytes that was asked for"}
    return {"200": good, "206": part, "304": {"description": "It is known"}, **problems}


def _good_content(endpoint: Endpoint, names: Json) -> Json:
    if endpoint.answer is None:
        return {SSE: {"schema": {}}}
    if endpoint.answer is bytes:
        return {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    return {JSON: {"schema": names[str(endpoint.answer)]}}


def _problem_responses(endpoint: Endpoint, names: Json) -> Json:
    by_status: dict[int, list[str]] = {}
    for problem in _problems(endpoint):
        codes = by_status.setdefault(problem.status, [])
        if problem.code not in codes:
            codes.append(problem.code)
    content = {JSON: {"schema": names[str(ProblemBody)]}}
    return {
        str(status): {"description": " · ".join(codes), "content": content}
        for status, codes in sorted(by_status.items())
    }


def _problems(endpoint: Endpoint) -> Iterator[type[Problem]]:
    yield from EVERYWHERE
    if not endpoint.public:
        yield from (AuthRequired, AuthForbidden, RateLimited)
    if any(map(has_space_field, (endpoint.query, endpoint.body))):
        yield SpaceNotFound
    if endpoint.body is not None:
        yield RequestTooLarge
    if "cursor" in endpoint.query.__struct_fields__:  # type: ignore[attr-defined]
        yield CursorInvalid
    if endpoint.idempotent:
        yield from (IdempotencyConflict, StorageUnavailable)
    yield from endpoint.problems


def _version() -> str:
    try:
        return version("runreel")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"

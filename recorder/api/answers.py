"""Answers as bytes: resources, and errors in the contract's envelope. Pure."""

from __future__ import annotations

import re

import uuid_utils
from msgspec import UNSET

from recorder.api.spelling import spelled
from schemas import codec
from schemas.problems import Problem, RangeNotSatisfiable
from schemas.resources import ProblemBody

JSON = "application/json"
SSE = "text/event-stream"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(given: str) -> str:
    """The id of a request: its sender's where it is one, else a new one."""
    return given if _REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())


def body(resource: object) -> bytes:
    """A resource as JSON."""
    return spelled(codec.encode(resource))


def problem_body(problem: Problem, request_id: str) -> bytes:
    """The body of an error."""
    return body(
        ProblemBody(
            error=problem.message,
            code=problem.code,
            reason_class=problem.reason_class,
            request_id=request_id,
            details=problem.details or UNSET,
            hint=problem.hint or UNSET,
        )
    )


def problem_headers(problem: Problem) -> dict[str, str]:
    """When an error says that it is worth asking again, or how much there is to ask for."""
    if isinstance(problem, RangeNotSatisfiable):
        return {"content-range": f"bytes */{problem.size_bytes}"}
    seconds = problem.retry_after_seconds
    return {} if seconds is None else {"retry-after": str(seconds)}

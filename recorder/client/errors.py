"""What can go wrong between a program and a recorder.

RunreelError
├── CannotConnect: no recorder answers, or it breaks off
└── ApiError: it answers, and says no (`status`, `code`, `hint`, `details`, `request_id`)
    ├── InvalidRequest 400, Unauthorized 401, Forbidden 403, NotFound 404
    └── Conflict 409, Gone 410, QuotaExceeded 402, RateLimited 429, Unavailable 502, 503, 504
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from schemas.resources import ProblemBody


class RunreelError(Exception):
    """Anything that this client raises by itself."""


class CannotConnect(RunreelError):
    """No recorder answers at that address, or the connection broke."""


class ApiError(RunreelError):
    """The recorder refused. The codes are those of `schemas.problems`."""

    def __init__(self, status: int, problem: ProblemBody) -> None:
        self.status = status
        self.code = problem.code
        self.message = problem.error
        self.hint = None if problem.hint is UNSET else problem.hint
        self.details: dict[str, Any] = {} if problem.details is UNSET else problem.details
        self.request_id = problem.request_id
        super().__init__(f"{self.message} ({self.code}){f' {self.hint}' if self.hint else ''}")


class InvalidRequest(ApiError):
    """400: the request is not valid."""


class Unauthorized(ApiError):
    """401: no key, or a wrong one."""


class QuotaExceeded(ApiError):
    """402: a space has as many active runtimes as it may have."""


class Forbidden(ApiError):
    """403: the key may not do that."""


class NotFound(ApiError):
    """404: it is not there, or the key may not see it."""


class Conflict(ApiError):
    """409: not as things stand now."""


class Gone(ApiError):
    """410: it was removed by retention."""


class RateLimited(ApiError):
    """429: too many requests."""


class Unavailable(ApiError):
    """503: not now; what can be read can be read all the same. 502, 504: a proxy says that the recorder is away."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    402: QuotaExceeded,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_of(status: int, body: bytes, request_id: str) -> ApiError:
    """The error for an answer; a body that is none of ours (a proxy's page, say) is told by its status."""
    try:
        problem = msgspec.json.decode(body, type=ProblemBody)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = ProblemBody(
            error=f"The server answered with status {status}.",
            code="server.error",
            reason_class="server",
            request_id=request_id,
        )
    return _BY_STATUS.get(status, ApiError)(status, problem)


def nothing_named(name: str) -> NotFound:
    """The error for a name that nothing can have; no recorder was asked."""
    problem = ProblemBody(
        error=f"{name!r} is the name of nothing.",
        code="name.invalid",
        reason_class="not_found",
        request_id="",
    )
    return NotFound(404, problem)

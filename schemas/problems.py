"""Every error an API answer may carry. The class docstring is the default message; the class says code and status.

Problem
├── RequestInvalid, RequestTooLarge, HeadersTooLarge, RequestTimedOut, CursorInvalid
├── AuthRequired (ApiKeyEnded), AuthForbidden (HostForbidden, PeerForbidden), ApiKeyNotFound, ApiKeyNotActive
├── SpaceNotFound, RuntimeNotFound, RunNotFound, ConnectionNotFound, TargetNotFound, RouteNotFound, MethodNotAllowed
├── InvocationNotFound, CommandNotFound, ArtifactNotFound, FileNotFound, ContentMissing
├── RangeNotSatisfiable, OutputSchemaInvalid, RuntimeNotExecutable, RateLimited
├── RuntimeNotActive, RuntimeNotStopped, SpaceNotEmpty, ProfileInUse, IdempotencyConflict
├── ConcurrentQuotaExceeded
├── CursorExpired, EventsGone
├── RuntimeHostUnavailable, RuntimeStartFailed, StorageUnavailable
└── ServerError
CannotStart: a process of ours refuses to start; one sentence for the terminal
└── CannotReach: what a command needs is not there now
"""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """Something went wrong."""

    code = "server.error"
    status = 500
    reason_class = "server"
    default_hint: str | None = None

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        details: dict[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint or self.default_hint
        self.details = details
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


class RequestInvalid(Problem):
    """The request is not valid."""

    code = "request.invalid"
    status = 400
    reason_class = "invalid_input"


class CursorInvalid(RequestInvalid):
    """The cursor is not one that this list gave out."""

    default_hint = "Leave the cursor out to start at the beginning, or pass nextCursor unchanged."


class AuthRequired(Problem):
    """A valid API key is required."""

    code = "auth.required"
    status = 401
    reason_class = "unauthorized"
    default_hint = "Send the header 'Authorization: Bearer <key>'."


class ApiKeyEnded(AuthRequired):
    """This API key was revoked."""

    default_hint = "Ask whoever gave it to you for another one."


class AuthForbidden(Problem):
    """This key may not do that."""

    code = "auth.forbidden"
    status = 403
    reason_class = "capability_denied"


class HostForbidden(AuthForbidden):
    """The Host header names a host that this server does not answer for."""

    default_hint = "Use the address that the server was started with, or set RUNREEL_PUBLIC_URL."


class PeerForbidden(AuthForbidden):
    """This address may not connect: a proxy stands before this server."""

    default_hint = (
        "Ask by way of the proxy. RUNREEL_BEHIND_PROXY lists the networks that may connect."
    )


class RouteNotFound(Problem):
    """There is nothing at this path."""

    code = "route.not_found"
    status = 404
    reason_class = "not_found"
    default_hint = "The paths there are stand in /openapi.json."


class MethodNotAllowed(Problem):
    """This path does not take that method."""

    code = "request.method_not_allowed"
    status = 405
    reason_class = "invalid_input"


class SpaceNotFound(Problem):
    """There is no such space."""

    code = "space.not_found"
    status = 404
    reason_class = "not_found"


class RuntimeNotFound(Problem):
    """There is no such runtime."""

    code = "runtime.not_found"
    status = 404
    reason_class = "not_found"


class RunNotFound(Problem):
    """There is no such run."""

    code = "run.not_found"
    status = 404
    reason_class = "not_found"


class ApiKeyNotFound(Problem):
    """There is no such API key."""

    code = "api_key.not_found"
    status = 404
    reason_class = "not_found"


class ApiKeyNotActive(Problem):
    """This API key opens nothing any more."""

    code = "api_key.not_active"
    status = 409
    reason_class = "conflict"
    default_hint = "Make a new one: POST /v1/api-keys."


class ConnectionNotFound(Problem):
    """There is no such connection."""

    code = "connection.not_found"
    status = 404
    reason_class = "not_found"


class TargetNotFound(Problem):
    """There is no such target in the active run."""

    code = "target.not_found"
    status = 404
    reason_class = "not_found"


class InvocationNotFound(Problem):
    """There is no such invocation."""

    code = "invocation.not_found"
    status = 404
    reason_class = "not_found"


class CommandNotFound(Problem):
    """There is no such command."""

    code = "command.not_found"
    status = 404
    reason_class = "not_found"


class ArtifactNotFound(Problem):
    """There is no such artifact."""

    code = "artifact.not_found"
    status = 404
    reason_class = "not_found"


class FileNotFound(Problem):
    """There is no such file."""

    code = "file.not_found"
    status = 404
    reason_class = "not_found"


class ContentMissing(Problem):
    """The artifact store does not have the content of this file any more."""

    code = "artifact.content_missing"
    status = 404
    reason_class = "not_found"
    default_hint = "`runreel verify --artifacts` lists all that is missing."


class RangeNotSatisfiable(Problem):
    """The range begins beyond the end of the content."""

    code = "request.range_not_satisfiable"
    status = 416
    reason_class = "invalid_input"

    def __init__(self, size_bytes: int = 0) -> None:
        self.size_bytes = size_bytes
        super().__init__(details={"sizeBytes": size_bytes})


class OutputSchemaInvalid(Problem):
    """The output schema is not one that values can be read by."""

    code = "invocation.output_schema_invalid"
    status = 400
    reason_class = "invalid_input"


class RuntimeNotExecutable(Problem):
    """The runtime's worker cannot run actions now."""

    code = "runtime.not_executable"
    status = 409
    reason_class = "conflict"


class RateLimited(Problem):
    """That is too much at once."""

    code = "rate_limited"
    status = 429
    reason_class = "rate_limited"


class RuntimeNotActive(Problem):
    """The runtime has no active run."""

    code = "runtime.not_active"
    status = 409
    reason_class = "conflict"
    default_hint = "Start it first: POST /v1/runtimes/{id}/start."


class RuntimeNotStopped(Problem):
    """The runtime is active."""

    code = "runtime.not_stopped"
    status = 409
    reason_class = "conflict"
    default_hint = "Stop it first: POST /v1/runtimes/{id}/stop."


class SpaceNotEmpty(Problem):
    """The space has runtimes."""

    code = "space.not_empty"
    status = 409
    reason_class = "conflict"
    default_hint = "Delete its runtimes first: GET /v1/runtimes?spaceId= lists them."


class ProfileInUse(Problem):
    """Another run has this profile."""

    code = "profile.in_use"
    status = 409
    reason_class = "conflict"
    default_hint = (
        "One runtime at a time has a profile: stop the other one, or use another profile."
    )


class IdempotencyConflict(Problem):
    """This Idempotency-Key was used for another request, or its first request is still being answered."""

    code = "idempotency.conflict"
    status = 409
    reason_class = "conflict"


class ConcurrentQuotaExceeded(Problem):
    """This space has as many active runtimes as it may have."""

    code = "browser.concurrent_quota_exceeded"
    status = 402
    reason_class = "capability_limit_exceeded"
    default_hint = "Stop one of them, or ask to wait: POST …/start?wait=10s."


class CursorExpired(Problem):
    """Events after this cursor were removed by retention."""

    code = "cursor.expired"
    status = 410
    reason_class = "not_found"
    default_hint = "Go on from details.firstCursor, the first place there is."


class EventsGone(CursorExpired):
    """The events of this run were removed by retention."""

    default_hint = "The run itself can still be read: GET /v1/runs/{runId}."

    def __init__(self) -> None:
        super().__init__(details={"firstCursor": None})


class RequestTooLarge(Problem):
    """The body is larger than 10 MB."""

    code = "request.too_large"
    status = 413
    reason_class = "capability_limit_exceeded"


class RequestTimedOut(Problem):
    """The request did not come in time."""

    code = "request.timed_out"
    status = 408
    reason_class = "invalid_input"


class HeadersTooLarge(RequestTooLarge):
    """The headers are larger than 64 KiB."""

    status = 431


class RuntimeHostUnavailable(Problem):
    """No worker host can start this runtime now."""

    code = "runtime.host_unavailable"
    status = 503
    reason_class = "upstream"
    default_hint = "Start a worker (`runreel worker`), or wait until one has a free place."


class RuntimeStartFailed(RuntimeHostUnavailable):
    """The worker could not start the browser."""

    default_hint = "The run's events say why; the worker's log has Chromium's own words."


class StorageUnavailable(Problem):
    """The event stream cannot be reached, so nothing can be changed now."""

    code = "storage.unavailable"
    status = 503
    reason_class = "upstream"
    default_hint = "Reading goes on; try again once NATS is back."


class ServerError(Problem):
    """The server failed to answer this request."""

    default_hint = "The server's log has the details under this requestId."


class CannotStart(Exception):
    """A process refuses to start: one sentence, and one that says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}")


class CannotReach(CannotStart):
    """What a command needs is not there now: no server answers, or a file is missing."""

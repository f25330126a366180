"""What a worker says no with, and how it reads what it is asked. Pure."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

from schemas import ends
from schemas.egress import Allowed, parse_all
from schemas.problems import ConcurrentQuotaExceeded, RequestInvalid, RuntimeHostUnavailable
from schemas.requests import Refused, StartRun

NO_PLACE = Refused(code=RuntimeHostUnavailable.code, message="This worker has no free place.")
SPOOL_IS_FULL = Refused(
    code=ends.SPOOL_FULL.code,
    message="This worker's spool is full: it takes no new runs until the stream has what waits there.",
)
TOO_MANY = Refused(
    code=ConcurrentQuotaExceeded.code,
    message="This space has as many active runtimes as it may have.",
)

R = TypeVar("R", bound=Struct)


def decode(body: bytes, kind: type[R]) -> R:
    """A request. Raises RequestInvalid."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RequestInvalid(f"Not a {kind.__name__}: {error}") from error


def allowed_by(request: StartRun) -> tuple[Allowed, ...]:
    """What its space allows beside the internet. Raises RequestInvalid."""
    try:
        return parse_all(request.egress_allow)
    except ValueError as error:
        raise RequestInvalid(str(error)) from error

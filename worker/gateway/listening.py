"""Sockets that take WebSockets, and the answers to those who are not taken."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from picows import WSAutoPingStrategy, WSUpgradeRequest, WSUpgradeResponse
from picows import WSUpgradeResponseWithListener as Answer
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # not in its stubs

from schemas.problems import Problem, RateLimited, RunNotFound
from worker.gateway.client import Client
from worker.gateway.fragments import MAX_MESSAGE_BYTES

Led = Client | Answer
# A request, and the address that it comes from.
Lead = Callable[[WSUpgradeRequest, str], Led]

HANDSHAKE_SECONDS = 5.0
PING_SECONDS = 20.0
READ_BYTES = 16 * 1024
log = logging.getLogger("picows.server")


async def listen(
    lead: Lead, host: str, port: int, tls: ssl.SSLContext | None = None
) -> asyncio.Server:
    """Hand each request for a WebSocket to `lead`. Raises OSError.

    As `picows.ws_create_server` does, which does not say where a request comes from.
    """

    def protocol() -> Any:
        made: Any = WSProtocol(
            None,
            None,
            False,  # it is a server's
            lambda request: lead(request, _peer(made)),
            log,
            True,  # what a listener raises ends its connection
            HANDSHAKE_SECONDS,
            False,  # no pings of ours
            PING_SECONDS,
            PING_SECONDS,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            True,  # theirs are answered
            MAX_MESSAGE_BYTES,
            None,
            READ_BYTES,
        )
        return made

    return await asyncio.get_running_loop().create_server(protocol, host, port, ssl=tls)


def _peer(protocol: Any) -> str:
    peer = protocol.transport.underlying_transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""


class _Ended(Problem):
    """This URL let clients in and does no more."""

    status = HTTPStatus.GONE
    default_hint = "POST /v1/runtimes/{runtimeId}/connections makes another."


class ConnectionExpired(_Ended):
    """This connection has expired."""

    code = "connection.expired"


class ConnectionRevoked(_Ended):
    """This connection was revoked."""

    code = "connection.revoked"


class TooManyClients(RateLimited):
    """As many clients are attached to this run as may be."""

    default_hint = "Close one that is done, and attach again."


class KeyRevoked(_Ended):
    """The API key that this URL was given to was revoked."""

    code = "key.revoked"
    default_hint = "Ask with another key: GET /v1/runtimes/{runtimeId} has a connectUrl for each."


REFUSALS: dict[str, Problem] = {
    "unknown": RunNotFound(
        "There is no active run at this URL.",
        hint="A connectUrl ends with its run; start the runtime again for a new one.",
    ),
    "expired": ConnectionExpired(),
    "revoked": ConnectionRevoked(),
    "key revoked": KeyRevoked(),
    "full": TooManyClients(retry_after_seconds=5),
}


def refused(problem: Problem) -> Answer:
    """The answer to who is not taken."""
    body = {"error": problem.message, "code": problem.code, "hint": problem.hint}
    said = msgspec.json.encode({name: value for name, value in body.items() if value}) + b"\n"
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    if problem.retry_after_seconds is not None:
        headers["retry-after"] = str(problem.retry_after_seconds)
    return Answer(
        WSUpgradeResponse.create_error_response(HTTPStatus(problem.status), said, headers), None
    )

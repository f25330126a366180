"""Listens for CDP clients and leads each to the run that its URL names.

`/cdp/<run>/<token>` is the run's own, `/cdp/<run>/<connection>/<token>` that of a connection, and
`/cdp/<run>/tools/<ticket>` this worker's, for hosted actions.
"""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import Protocol

import msgspec
import structlog
from picows import (
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from schemas.problems import CannotStart
from schemas.tokens import connect_token_fits, connection_token_fits
from worker.gateway.attachments import OURS, Attachments
from worker.gateway.client import MAX_MESSAGE_BYTES, Client
from worker.gateway.connections import Standing

log = structlog.get_logger(__name__)


# A client whose machine is gone without a word is attached for ever, unless the kernel asks: after 30 s it is gone
# here, too. No TCP_USER_TIMEOUT: that ends a client too that lives and reads nothing, as at a debugger's breakpoint.
_KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),  # seconds
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


class Attachable(Protocol):
    """A run that clients may attach to."""

    attachments: Attachments


class Runs(Protocol):
    """Where the gateway finds a run."""

    def find_run(self, run_id: str) -> Attachable | None:
        """The run with that id, while it is active."""


class Gateway:
    """The listening socket."""

    def __init__(self, *, secret: str) -> None:
        self._runs: Runs | None = None
        self._secret = secret
        self._server: asyncio.Server | None = None
        self.local_url = ""

    async def listen(self, host: str, port: int) -> int:
        """Listen; the port, also when any was asked for. Raises CannotStart."""
        try:
            self._server = await ws_create_server(
                self._lead, host, port, max_frame_size=MAX_MESSAGE_BYTES
            )
        except OSError as error:
            raise CannotStart(
                f"The CDP gateway cannot listen on {host}:{port}: {error.strerror or error}.",
                "Choose another RUNREEL_GATEWAY_PORT, or 0 for any free one.",
            ) from error
        for listening in self._server.sockets:
            for option in _KEEP_ALIVE:  # what is accepted there inherits them
                listening.setsockopt(*option)
        bound: int = self._server.sockets[0].getsockname()[1]
        self.local_url = f"ws://{_reached_at(host)}:{bound}"
        return bound

    def lead_to(self, runs: Runs) -> None:
        """Lead clients to these runs from now on; until then there are none."""
        self._runs = runs

    def close(self) -> None:
        """Take no more clients."""
        if self._server is not None:
            self._server.close()

    def _lead(self, request: WSUpgradeRequest) -> Client | WSUpgradeResponseWithListener:
        run_id, connection_id, token = _parts(request.path)
        run = self._runs.find_run(run_id) if self._runs and run_id else None
        if run is None or not (connection_id == OURS or self._fits(run_id, connection_id, token)):
            log.info("gateway.refused", run_id=run_id)
            return _refused("unknown")
        standing = run.attachments.standing(connection_id, token)
        if standing != "open":
            log.info("gateway.refused", run_id=run_id, connection_id=connection_id, why=standing)
            return _refused(standing)
        user_agent = request.headers.get("user-agent", "")
        if connection_id == OURS:
            return run.attachments.new_client_of_ours()
        return run.attachments.new_client(user_agent, connection_id or None)

    def _fits(self, run_id: str, connection_id: str, token: str) -> bool:
        if connection_id:
            return connection_token_fits(self._secret, run_id, connection_id, token)
        return connect_token_fits(self._secret, run_id, token)


def _parts(path: bytes) -> tuple[str, str, str]:
    """Run, connection and token of a path; empty when it has another shape, as is the connection in a run's own."""
    parts = path.decode("ascii", "replace").split("?", 1)[0].rstrip("/").split("/")
    match parts:
        case ["", "cdp", run_id, token]:
            return run_id, "", token
        case ["", "cdp", run_id, connection_id, token] if connection_id:
            return run_id, connection_id, token
    return "", "", ""


def _reached_at(host: str) -> str:
    """Where this machine itself reaches what listens there."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"[{address}]" if ":" in address else address


_AGAIN = "POST /v1/runtimes/{runtimeId}/connections makes another."
_REFUSALS: dict[Standing, tuple[HTTPStatus, dict[str, str]]] = {
    "unknown": (
        HTTPStatus.NOT_FOUND,
        {
            "error": "There is no active run at this URL.",
            "code": "run.not_found",
            "hint": "A connectUrl ends with its run; start the runtime again for a new one.",
        },
    ),
    "expired": (
        HTTPStatus.GONE,
        {"error": "This connection has expired.", "code": "connection.expired", "hint": _AGAIN},
    ),
    "revoked": (
        HTTPStatus.GONE,
        {"error": "This connection was revoked.", "code": "connection.revoked", "hint": _AGAIN},
    ),
}


def _refused(standing: Standing) -> WSUpgradeResponseWithListener:
    status, body = _REFUSALS[standing]
    response = WSUpgradeResponse.create_error_response(
        status, msgspec.json.encode(body) + b"\n", {"content-type": "application/json"}
    )
    return WSUpgradeResponseWithListener(response, None)

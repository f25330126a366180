"""Listens for CDP clients and leads each to the run that its URL names: `/cdp/<run id>/<token>`."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Protocol

import structlog
from picows import (
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from schemas.problems import CannotStart
from schemas.tokens import connect_token_fits
from worker.gateway.client import MAX_MESSAGE_BYTES, Client

log = structlog.get_logger(__name__)


class Attachable(Protocol):
    """A run that clients may attach to."""

    def new_client(self, user_agent: str) -> Client:
        """A client for a socket that is about to open."""


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
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def lead_to(self, runs: Runs) -> None:
        """Lead clients to these runs from now on; until then there are none."""
        self._runs = runs

    def close(self) -> None:
        """Take no more clients."""
        if self._server is not None:
            self._server.close()

    def _lead(self, request: WSUpgradeRequest) -> Client | WSUpgradeResponseWithListener:
        run_id, token = _run_and_token(request.path)
        run = self._runs.find_run(run_id) if self._runs and run_id else None
        if run is None or not connect_token_fits(self._secret, run_id, token):
            log.info("gateway.refused", run_id=run_id)
            return _not_found()
        return run.new_client(request.headers.get("user-agent", ""))


def _run_and_token(path: bytes) -> tuple[str, str]:
    """The two secrets of a path; empty when it has another shape."""
    parts = path.decode("ascii", "replace").split("?", 1)[0].rstrip("/").split("/")
    if len(parts) != 4 or parts[1] != "cdp":
        return "", ""
    return parts[2], parts[3]


def _not_found() -> WSUpgradeResponseWithListener:
    body = (
        b'{"error":"There is no active run at this URL.","code":"run.not_found",'
        b'"hint":"A connectUrl ends with its run; start the runtime again for a new one."}\n'
    )
    response = WSUpgradeResponse.create_error_response(
        HTTPStatus.NOT_FOUND, body, {"content-type": "application/json"}
    )
    return WSUpgradeResponseWithListener(response, None)

"""Listens for CDP clients and leads each to the run that its URL names.

`/cdp/<run>/<token>` is the run's own, `/cdp/<run>/<connection>/<token>` that of a connection, and
`/cdp/<run>/tools/<ticket>` this worker's, for hosted actions.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from functools import partial
from typing import Literal, NoReturn, Protocol
from weakref import WeakSet

import structlog
from msgspec.structs import replace
from picows import WSUpgradeRequest

from schemas.problems import CannotStart
from schemas.tokens import key_of_connect_token, key_of_connection_token
from worker.gateway.attachments import OURS, Attachments
from worker.gateway.client import KEY_REVOKED, Client
from worker.gateway.connections import Standing
from worker.gateway.entrance import Entrance
from worker.gateway.listening import REFUSALS, Lead, Led, listen, refused
from worker.gateway.revoked import LOOK_SECONDS, RevokedKeys
from worker.gateway.visitor import Visitor
from worker.servers import close_server

log = structlog.get_logger(__name__)

_LOCAL = "127.0.0.1"
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
    """Two listening sockets: one for clients, and one on loopback for this worker itself.

    Without `keys` none was ever revoked.
    """

    def __init__(
        self, *, secret: str, entrance: Entrance | None = None, keys: RevokedKeys | None = None
    ) -> None:
        self._runs: Runs | None = None
        self._secret = secret
        self._entrance = entrance or Entrance()
        self._keys = keys
        self._clients: WeakSet[Client] = WeakSet()
        self._servers: list[asyncio.Server] = []
        self.local_url = ""

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen; the port, also when any was asked for. Raises CannotStart."""
        bound = await self._open(host, port, self._lead, tls)
        self.local_url = f"ws://{_LOCAL}:{await self._open(_LOCAL, 0, self._lead_ours)}"
        return bound

    async def _open(
        self, host: str, port: int, lead: Lead, tls: ssl.SSLContext | None = None
    ) -> int:
        try:
            server = await listen(lead, host, port, tls)
        except OSError as error:
            raise CannotStart(
                f"The CDP gateway cannot listen on {host}:{port}: {error.strerror or error}.",
                "Choose another RUNREEL_GATEWAY_PORT, or 0 for any free one.",
            ) from error
        self._servers.append(server)
        for listening in server.sockets:
            for option in _KEEP_ALIVE:  # what is accepted there inherits them
                listening.setsockopt(*option)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    def lead_to(self, runs: Runs) -> None:
        """Lead clients to these runs from now on; until then there are none."""
        self._runs = runs

    def close(self) -> None:
        """Take no more clients."""
        for server in self._servers:
            close_server(server)

    async def look_after(self) -> NoReturn:
        """Drop whoever came by the URL of a key that was revoked since, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._keys is None:
                continue
            revoked = await self._keys.among(each.key_id for each in self._clients if each.key_id)
            for client in [each for each in self._clients if each.key_id in revoked]:
                client.drop(KEY_REVOKED)

    def _lead(self, request: WSUpgradeRequest, peer: str) -> Led:
        headers = {name.lower(): value for name, value in request.headers.items()}
        problem = self._entrance.refusal(peer, headers)
        if problem is not None:
            log.info("gateway.refused", peer=peer, why=problem.code)
            return refused(problem)
        address = self._entrance.address(peer, headers)
        behind_proxy = address if address != peer else ""
        led = self._lead_to_run(request.path, headers.get("user-agent", ""), behind_proxy)
        if led is None:
            problem = self._entrance.failed(address, time.monotonic())
            return refused(problem or REFUSALS["unknown"])
        return led

    def _lead_to_run(self, path: bytes, user_agent: str, address: str) -> Led | None:
        """None for a URL that leads nowhere."""
        run_id, connection_id, token = _parts(path)
        run = self._runs.find_run(run_id) if self._runs and run_id else None
        key_id = self._key_of(run_id, connection_id, token) if run is not None else None
        if run is None or key_id is None or connection_id == OURS:
            log.info("gateway.refused", run_id=run_id)
            return None
        standing: Standing | Literal["key revoked", "full"] = run.attachments.standing(
            connection_id
        )
        if self._keys is not None and self._keys.is_known(key_id):
            standing = "key revoked"
        if standing == "open" and run.attachments.is_full:
            standing = "full"
        if standing != "open":
            log.info("gateway.refused", run_id=run_id, connection_id=connection_id, why=standing)
            return refused(REFUSALS[standing])
        visitor = self._visitor(user_agent, address, connection_id, key_id)
        client = run.attachments.new_client(visitor)
        self._clients.add(client)
        return client

    def _visitor(self, user_agent: str, address: str, connection_id: str, key_id: str) -> Visitor:
        visitor = Visitor(user_agent, connection_id or None, address, key_id)
        if self._keys is None:
            return visitor
        return replace(visitor, key=partial(self._keys.standing, key_id))

    def _lead_ours(self, request: WSUpgradeRequest, _peer: str) -> Led:
        """By a ticket, which is good once."""
        run_id, connection_id, ticket = _parts(request.path)
        run = self._runs.find_run(run_id) if self._runs and connection_id == OURS else None
        if run is None or run.attachments.standing(OURS, ticket) != "open":
            return refused(REFUSALS["unknown"])
        return run.attachments.new_client_of_ours()

    def _key_of(self, run_id: str, connection_id: str, token: str) -> str | None:
        if connection_id:
            return key_of_connection_token(self._secret, run_id, connection_id, token)
        return key_of_connect_token(self._secret, run_id, token)


def _parts(path: bytes) -> tuple[str, str, str]:
    """Run, connection and token of a path; empty when it has another shape, as is the connection in a run's own."""
    parts = path.decode("ascii", "replace").split("?", 1)[0].rstrip("/").split("/")
    match parts:
        case ["", "cdp", run_id, token]:
            return run_id, "", token
        case ["", "cdp", run_id, connection_id, token] if connection_id:
            return run_id, connection_id, token
    return "", "", ""

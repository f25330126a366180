"""Connecting: a connection that comes back by itself, to a server that is new enough."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.transport import TcpTransport

from recorder.bus.bus import Bus, server_version
from recorder.bus.errors import DOWN, words
from schemas.nats_users import OWN_API, PING_SECONDS, UNANSWERED_PINGS, NatsAddress, address_of
from schemas.problems import CannotReach, CannotStart

log = structlog.get_logger()

OLDEST_SERVER = (2, 12)
CONNECT_SECONDS = 30.0
CLOSE_SECONDS = 1.0


class _Callbacks:
    """What nats-py tells of a connection, in the log and to the bus once there is one."""

    def __init__(self) -> None:
        self.bus: Bus | None = None
        self.closing = False
        self.last_error = ""

    async def on_reconnect(self) -> None:
        log.info("bus.reconnected")
        if self.bus is not None:
            self.bus.reconnected()

    async def on_disconnect(self) -> None:
        if not self.closing:
            log.warning("bus.disconnected", reason=self.last_error)

    async def on_error(self, error: Exception) -> None:
        self.last_error = words(error)
        log.debug("bus.error", reason=self.last_error)


class Transport(TcpTransport):
    """A connection whose end is not waited for: over TLS asyncio does, for 30 s, where the other end is gone."""

    def __bool__(self) -> bool:
        return True  # else the library takes one of its own

    async def wait_closed(self) -> None:
        """For a moment, in which what was written goes out."""
        closing = asyncio.ensure_future(super().wait_closed())  # type: ignore[no-untyped-call]
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        if not closing.done() and self._io_writer is not None:
            self._io_writer.transport.abort()
        await closing


@asynccontextmanager
async def connect(
    nats: NatsAddress | str, name: str, *, seconds: float | None = None
) -> AsyncIterator[Bus]:
    """A bus; tries for so many seconds, else for 30. Raises CannotStart, CannotReach where nobody answers."""
    callbacks = _Callbacks()
    client = await _connect(address_of(nats), name, callbacks, seconds or CONNECT_SECONDS)
    try:
        _check_version(client)
        callbacks.bus = Bus(client)
        yield callbacks.bus
    finally:
        callbacks.closing = True
        await _close(client)


@asynccontextmanager
async def connected(nats: NatsAddress | str, name: str, *, seconds: float) -> AsyncIterator[Client]:
    """A connection for one look around, tried once. Raises as `connect` does."""
    callbacks = _Callbacks()
    client = await _connect(address_of(nats), name, callbacks, seconds, comes_back=False)
    try:
        _check_version(client)
        yield client
    finally:
        callbacks.closing = True
        await _close(client)


async def _close(client: Client) -> None:
    # The server has just gone: then nothing is left to be sent to it. uvloop says that as a RuntimeError.
    with suppress(*DOWN, RuntimeError):
        await client.close()


async def _connect(
    address: NatsAddress,
    name: str,
    callbacks: _Callbacks,
    seconds: float,
    *,
    comes_back: bool = True,
) -> Client:
    if address.api != OWN_API:
        raise CannotStart(
            f"The NATS user {address.user} has an account of its own, without the streams.",
            "Recorders use the URL of `recorder`, commands that or the one of `ops`.",
        )
    client = Client()
    client._transport = Transport()  # type: ignore[no-untyped-call]
    try:
        async with asyncio.timeout(seconds):
            await client.connect(
                address.servers,
                inbox_prefix=address.inbox,
                name=name,
                allow_reconnect=comes_back,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,  # type: ignore[arg-type]  # they say int, and only sleep so long
                ping_interval=PING_SECONDS,
                max_outstanding_pings=UNANSWERED_PINGS,
                error_cb=callbacks.on_error,
                disconnected_cb=callbacks.on_disconnect,
                reconnected_cb=callbacks.on_reconnect,
                **_tls(address),
            )
            return client
    except DOWN as error:
        why = callbacks.last_error or words(error)
        raise CannotReach(
            f"The NATS server at {address.shown} cannot be reached: {why}.",
            "Start it, or set RUNREEL_NATS_URL.",
        ) from error


def _check_version(client: Client) -> None:
    if server_version(client) < OLDEST_SERVER:
        raise CannotStart(
            f"The NATS server is version {client.connected_server_version}, which is too old.",
            "Runreel needs nats-server 2.12 or newer, best 2.14 or newer.",
        )


def _tls(address: NatsAddress) -> dict[str, Any]:
    """TLS before the first word: else whoever stands in between says that there is none, and hears the password."""
    if not address.is_tls:
        return {}
    context = ssl.create_default_context(cafile=address.ca or None)
    return {"tls": context, "tls_handshake_first": True}

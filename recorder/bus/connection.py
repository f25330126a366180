"""Connecting: a connection that comes back by itself, to a server that is new enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import nats
import structlog
from nats.aio.client import Client

from recorder.bus.bus import Bus, server_version
from recorder.bus.errors import DOWN, words
from schemas.problems import CannotReach, CannotStart

log = structlog.get_logger()

OLDEST_SERVER = (2, 12)
CONNECT_SECONDS = 30.0


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


@asynccontextmanager
async def connect(url: str, name: str, *, seconds: float = CONNECT_SECONDS) -> AsyncIterator[Bus]:
    """A bus; tries for so many seconds. Raises CannotStart, CannotReach where nobody answers."""
    callbacks = _Callbacks()
    client = await _connect(url, name, callbacks, seconds)
    try:
        _check_version(client)
        callbacks.bus = Bus(client)
        yield callbacks.bus
    finally:
        callbacks.closing = True
        await _close(client)


@asynccontextmanager
async def connected(url: str, name: str, *, seconds: float) -> AsyncIterator[Client]:
    """A connection for one look around, tried once. Raises as `connect` does."""
    callbacks = _Callbacks()
    client = await _connect(url, name, callbacks, seconds, comes_back=False)
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
    url: str, name: str, callbacks: _Callbacks, seconds: float, *, comes_back: bool = True
) -> Client:
    try:
        async with asyncio.timeout(seconds):
            return await nats.connect(
                url.split(","),
                name=name,
                allow_reconnect=comes_back,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,
                ping_interval=10,
                max_outstanding_pings=2,
                error_cb=callbacks.on_error,
                disconnected_cb=callbacks.on_disconnect,
                reconnected_cb=callbacks.on_reconnect,
            )
    except DOWN as error:
        why = callbacks.last_error or words(error)
        raise CannotReach(
            f"The NATS server at {_without_password(url)} cannot be reached: {why}.",
            "Start it, or set RUNREEL_NATS_URL.",
        ) from error


def _check_version(client: Client) -> None:
    if server_version(client) < OLDEST_SERVER:
        raise CannotStart(
            f"The NATS server is version {client.connected_server_version}, which is too old.",
            "Runreel needs nats-server 2.12 or newer, best 2.14 or newer.",
        )


def _without_password(url: str) -> str:
    return url.rpartition("@")[2].removeprefix("nats://")

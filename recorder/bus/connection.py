"""Connecting: a connection that comes back by itself, to a server that is new enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import structlog
from nats.aio.client import Client

from recorder.bus.bus import Bus, server_version
from recorder.bus.errors import DOWN, words
from schemas.problems import CannotStart

log = structlog.get_logger()

OLDEST_SERVER = (2, 12)
CONNECT_SECONDS = 30.0


@asynccontextmanager
async def connect(url: str, name: str) -> AsyncIterator[Bus]:
    """A bus; tries for 30 s. Raises CannotStart."""
    bus: Bus | None = None

    async def on_reconnect() -> None:
        log.info("bus.reconnected")
        if bus is not None:
            bus.reconnected()

    async def on_disconnect() -> None:
        if bus is None or not bus.is_closing:
            log.warning("bus.disconnected")

    async def on_error(error: Exception) -> None:
        log.debug("bus.error", reason=words(error))

    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await nats.connect(
                url,
                name=name,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,
                ping_interval=10,
                max_outstanding_pings=2,
                error_cb=on_error,
                disconnected_cb=on_disconnect,
                reconnected_cb=on_reconnect,
            )
    except DOWN as error:
        raise CannotStart(
            f"The NATS server at {_without_password(url)} cannot be reached ({words(error)}).",
            "Start it, or set RUNREEL_NATS_URL.",
        ) from error
    try:
        _check_version(client)
        bus = Bus(client)
        yield bus
        bus.is_closing = True
    finally:
        await client.close()


def _check_version(client: Client) -> None:
    if server_version(client) < OLDEST_SERVER:
        raise CannotStart(
            f"The NATS server is version {client.connected_server_version}, which is too old.",
            "Runreel needs nats-server 2.12 or newer, best 2.14 or newer.",
        )


def _without_password(url: str) -> str:
    return url.rpartition("@")[2].removeprefix("nats://")

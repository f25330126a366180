"""What every connection of a worker to NATS has in common."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from nats.errors import Error as NatsError

from schemas.nats_users import PING_SECONDS, UNANSWERED_PINGS, NatsAddress
from worker.publisher import LinkDown

log = structlog.get_logger(__name__)

CLOSE_SECONDS = 1.0
RETRY_SECONDS = 1.0
# Room for what is sent while a broken connection is not noticed yet; beyond it the outbox keeps everything anyway.
PENDING_BYTES = 16 * 1024 * 1024


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


def new_client() -> Client:
    """One that is not connected yet."""
    client = Client()
    client._transport = Transport()  # type: ignore[no-untyped-call]
    return client


def reach(nats: NatsAddress) -> dict[str, Any]:
    """How to connect there. TLS comes before the first word, which nobody in between can talk us out of."""
    tls: dict[str, Any] = {}
    if nats.is_tls:
        context = ssl.create_default_context(cafile=nats.ca or None)
        tls = {"tls": context, "tls_handshake_first": True}
    return {
        "servers": nats.servers,
        "inbox_prefix": nats.inbox,
        "ping_interval": PING_SECONDS,
        "max_outstanding_pings": UNANSWERED_PINGS,
        "pending_size": PENDING_BYTES,
        **tls,
    }


async def close(client: Client) -> None:
    """Close it, whatever it has come to. One that broke just now says so as uvloop does, by a RuntimeError."""
    with contextlib.suppress(LinkDown, RuntimeError), as_link_down():
        async with asyncio.timeout(CLOSE_SECONDS):  # a peer that stands still takes nothing
            await client.close()


@contextlib.contextmanager
def as_link_down() -> Iterator[None]:
    """Whatever the library raises where NATS is away or says no, as LinkDown.

    It waits by `asyncio.wait_for`, which on Python 3.11 forgets a cancellation that comes together with the answer,
    also one that says no.
    """
    try:
        yield
    except (NatsError, TimeoutError, OSError) as error:
        _end_if_cancelled()
        raise LinkDown(f"{type(error).__name__}: {error}".rstrip(": ")) from error
    _end_if_cancelled()


def _end_if_cancelled() -> None:
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def until_done(step: Callable[[], Awaitable[None]]) -> None:
    """Do something that needs NATS, as often as it takes."""
    while True:
        try:
            await step()
            return
        except LinkDown as error:
            log.warning("worker.waiting_for_nats", reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)


async def on_error(error: Exception) -> None:
    """Log what went wrong on a connection."""
    log.warning("nats.error", error=f"{type(error).__name__}: {error}")

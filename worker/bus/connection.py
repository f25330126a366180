"""What every connection of a worker to NATS has in common."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from worker.publisher import LinkDown

log = structlog.get_logger(__name__)

PING_SECONDS = 10
CLOSE_SECONDS = 1
RETRY_SECONDS = 1.0
# Room for what is sent while a broken connection is not noticed yet; beyond it the outbox keeps everything anyway.
PENDING_BYTES = 16 * 1024 * 1024


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

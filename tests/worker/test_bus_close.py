"""Connections are closed without a word, whatever has become of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import uvloop
from nats.aio.client import Client
from nats.errors import Error as NatsError

from recorder.bus import connection
from tests.support.nats_server import NatsServer
from worker.bus import Bus, PublishLink
from worker.bus.connection import as_link_down


async def test_cancelled_together_with_an_answer_that_says_no() -> None:
    """Python 3.11 raises what was answered, and the cancellation must not be lost."""

    async def refused() -> None:
        with as_link_down():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                raise NatsError from None

    task = asyncio.create_task(refused())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


def _break(client: Client | None) -> None:
    """The socket is gone, and the library still has something to write to it."""
    assert client is not None
    assert client._transport is not None
    client._transport.close()  # type: ignore[no-untyped-call]
    client._pending.append(b"PING\r\n")
    client._pending_data_size = 6


async def _close_what_is_broken(directory: Path) -> None:
    async with NatsServer(directory) as nats:
        bus = await Bus.connect(nats.url, "bus under test")
        _break(bus._client)
        await bus.close()
        link = PublishLink(nats.url, "link under test")
        await link.open(lambda token, body: None, lambda why: None)
        _break(link._client)
        await link.close()
        async with connection.connect(nats.url, "recorder under test") as recorders:
            _break(recorders._client)


def test_connection_that_broke_is_closed_in_order(tmp_path: Path) -> None:
    """On uvloop, as both processes run: there a socket that is closed raises what asyncio lets pass."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_close_what_is_broken(tmp_path))

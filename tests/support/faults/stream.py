"""What the streams hold, read straight from NATS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client

from recorder.entries import Message
from schemas.nats_users import NatsAddress
from tests.support.nats_client import close

LIMIT_SECONDS = 90.0
REQUEST_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.1
PIECE = 1000
MESSAGE_ID = "Nats-Msg-Id"


@asynccontextmanager
async def nats_client(url: str) -> AsyncIterator[Client]:
    """A connection of the test's own."""
    client = await nats.connect(
        url,
        inbox_prefix=NatsAddress(url).inbox,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.1,
    )
    try:
        yield client
    finally:
        await close(client)


async def publish(client: Client, subject: str, body: bytes) -> int:
    """Put a message on a stream, with no header that JetStream could know it by; its position."""
    return (await client.jetstream(timeout=REQUEST_SECONDS).publish(subject, body)).seq


async def read_stream(client: Client, stream: str, until: Collection[str] = ()) -> list[Message]:
    """All that a stream holds, once it holds messages with these ids. Fails when that takes too long."""
    missing = set(until)
    messages: list[Message] = []
    clock = asyncio.get_running_loop().time
    end = clock() + LIMIT_SECONDS
    while True:
        piece = await _piece(client, stream, messages[-1].position + 1 if messages else 1)
        messages += piece
        missing.difference_update(message.message_id for message in piece)
        if not piece and not missing:
            return messages
        if not piece:
            assert clock() < end, f"{len(missing)} ids are not in {stream}, as {min(missing)}"
            await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _piece(client: Client, stream: str, start: int) -> list[Message]:
    """Some messages from a position on, fetched by JetStream's direct get."""
    info = await client.jetstream(timeout=REQUEST_SECONDS).stream_info(stream)
    assert info.created is not None
    epoch = round(info.created.timestamp() * 1000)
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, pending_msgs_limit=-1, pending_bytes_limit=-1)
    wish = json.dumps({"seq": start, "batch": PIECE}).encode()
    await client.publish(f"$JS.API.DIRECT.GET.{stream}", wish, reply=inbox)
    messages: list[Message] = []
    while True:
        message = await subscription.next_msg(timeout=REQUEST_SECONDS)
        headers = message.headers or {}
        if "Nats-Sequence" not in headers:  # 204: that was all; 404: there is none
            await subscription.unsubscribe()
            return messages
        messages.append(
            Message(
                stream=stream,
                epoch=epoch,
                position=int(headers["Nats-Sequence"]),
                subject=headers["Nats-Subject"],
                body=message.data,
                message_id=headers.get(MESSAGE_ID, ""),
            )
        )

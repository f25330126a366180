"""Publishes the events of an outbox as fast as JetStream takes them, in atomic batches, in a process of its own.

python -m tests.bench.firehose NATS_URL OUTBOX
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import nats
import uvloop
from msgspec import Struct
from nats.aio.client import Client
from uuid_utils import uuid7

from schemas.codec import decode_event
from schemas.envelope import CONTENT_TYPE
from tests.bench.orders import orders, say

BATCH = 500  # JetStream takes 1,000 at most
BATCHES_AT_ONCE = 4
ANSWER_SECONDS = 10.0


class Message(Struct, frozen=True):
    """One event, ready to be sent."""

    subject: str
    event_id: str
    body: bytes


class _Refusal(Struct):
    description: str = ""


class _Ack(Struct):
    seq: int = 0
    error: _Refusal | None = None


async def publish(nats_url: str, messages: Sequence[Message]) -> None:
    """All of them, each batch whole, several on their way at a time."""
    client = await nats.connect(nats_url)
    room = asyncio.Semaphore(BATCHES_AT_ONCE)
    try:
        async with asyncio.TaskGroup() as group:
            for batch in _batches(messages):
                await room.acquire()
                group.create_task(_publish(client, batch, room))
    finally:
        await client.close()


def _batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    for begin in range(0, len(messages), BATCH):
        yield messages[begin : begin + BATCH]


async def _publish(client: Client, batch: Sequence[Message], room: asyncio.Semaphore) -> None:
    batch_id = str(uuid7())
    *first, last = [
        (message, _headers(message, batch_id, number)) for number, message in enumerate(batch, 1)
    ]
    for message, headers in first:
        await client.publish(message.subject, message.body, headers=headers)
    message, headers = last
    headers["Nats-Batch-Commit"] = "1"
    answer = await client.request(
        message.subject, message.body, timeout=ANSWER_SECONDS, headers=headers
    )
    room.release()
    ack = msgspec.json.decode(answer.data, type=_Ack)
    if ack.error is not None:
        raise RuntimeError(f"a batch was refused: {ack.error.description}")


def _headers(message: Message, batch_id: str, number: int) -> dict[str, str]:
    return {
        "Nats-Msg-Id": message.event_id,
        "Content-Type": CONTENT_TYPE,
        "Nats-Batch-Id": batch_id,
        "Nats-Batch-Sequence": str(number),
    }


def read(outbox: Path) -> Iterator[Message]:
    """What lies in an outbox, oldest first."""
    for segment in sorted(outbox.glob("*.events")):
        for line in segment.read_bytes().splitlines():
            subject, _, body = line.partition(b" ")
            yield Message(subject.decode(), decode_event(body).id, body)


async def _main(nats_url: str, outbox: Path) -> None:
    """Say when all is read, and begin when told."""
    told, messages = await orders(), list(read(outbox))
    say(b"ready")
    if await told.readline():
        await publish(nats_url, messages)


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], Path(sys.argv[2])))

"""Messages that a stream lost, published once more: in order, with the ids that they had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.js import JetStreamContext
from uuid_utils import uuid7

from recorder.bus.arrivals import MESSAGE_ID
from schemas import envelope

MOST = 500  # messages of an atomic batch; the server takes 1,000
ANSWER_SECONDS = 20.0


class Again(Struct, frozen=True, kw_only=True):
    """A message as it was. `message_id` is empty where none is known."""

    subject: str
    body: bytes
    message_id: str


class _Ack(Struct):
    error: dict[str, Any] | None = None


async def publish_again(client: Client, js: JetStreamContext, messages: Sequence[Again]) -> None:
    """At most 500 of one stream, in their order: all at once, or one after another where the server refuses that.

    It does so where it knows one of the ids: a worker has sent that event again meanwhile.
    """
    if not await _at_once(client, messages):
        for message in messages:
            await js.publish(message.subject, message.body, headers=_headers(message))


async def _at_once(client: Client, messages: Sequence[Again]) -> bool:
    """Whether the server took them as an atomic batch (NATS ADR-50). It answers the last message only."""
    batch = {"Nats-Batch-Id": str(uuid7())}
    *first, last = [
        (message, {**_headers(message), **batch, "Nats-Batch-Sequence": str(number)})
        for number, message in enumerate(messages, start=1)
    ]
    for message, headers in first:
        await client.publish(message.subject, message.body, headers=headers)
    message, headers = last
    commit = {**headers, "Nats-Batch-Commit": "1"}
    answer = await client.request(
        message.subject, message.body, timeout=ANSWER_SECONDS, headers=commit
    )
    return msgspec.json.decode(answer.data, type=_Ack).error is None


def _headers(message: Again) -> dict[str, str]:
    named = {MESSAGE_ID: message.message_id} if message.message_id else {}
    return {"Content-Type": envelope.CONTENT_TYPE, **named}

"""Connections for publishing alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas.envelope import CONTENT_TYPE
from schemas.nats_users import NatsAddress, address_of
from worker.bus.connection import as_link_down, close, new_client, on_error, reach
from worker.publisher import LinkDown, Lost, Message, Take

LINK_SECONDS = 5
HEADERS_BYTES = 512  # more than ours ever take

_HEAD = f"NATS/1.0\r\nNats-Msg-Id: %s\r\nContent-Type: {CONTENT_TYPE}\r\n%s\r\n".encode()
_BATCH = b"Nats-Batch-Id: %s\r\nNats-Batch-Sequence: %d\r\n"
_COMMIT = b"Nats-Batch-Commit: 1\r\n"


class PublishLink:
    """A `publisher.Link`: connections for publishing alone, each given up for good when it breaks."""

    def __init__(self, nats: NatsAddress | str, name: str) -> None:
        self._nats = address_of(nats)
        self._name = name
        self._client: Client | None = None
        self._inbox = ""

    async def open(self, take: Take, lost: Lost) -> None:
        """Connect anew. Raises LinkDown."""

        async def on_answer(message: Msg) -> None:
            take(message.subject.rpartition(".")[2], message.data)

        async def on_closed() -> None:
            lost("NATS is away")

        async def on_violation(error: Exception) -> None:
            await on_error(error)
            if "permissions violation" in str(error).lower():  # that is all there is of an answer
                lost(str(error))

        with as_link_down():
            async with asyncio.timeout(LINK_SECONDS):
                self._client = (
                    new_client()
                )  # known before it is connected, so that `close` finds it
                await self._client.connect(
                    **reach(self._nats),
                    name=self._name,
                    allow_reconnect=False,
                    error_cb=on_violation,
                    closed_cb=on_closed,
                )
                self._inbox = self._client.new_inbox()
                await self._client.subscribe(f"{self._inbox}.*", cb=on_answer)
                await (
                    self._client.flush()
                )  # what is published goes another way, and must not overtake

    def publish(self, messages: Sequence[Message], token: str) -> None:
        """Send one message, or several as an atomic batch, to be answered under the token. Raises LinkDown.

        It is written to the socket at once: `Client.publish` would leave that to a task, a turn of the loop later.
        """
        client = self._client
        if client is None or not client.is_connected or client._transport is None:
            raise LinkDown("NATS is away")
        with as_link_down():
            client._transport.write(b"".join(_commands(messages, f"{self._inbox}.{token}")))

    @property
    def largest_bytes(self) -> int:
        """The longest event with its subject that this server surely takes. Raises LinkDown."""
        if self._client is None:
            raise LinkDown("NATS is away")
        return self._client.max_payload - HEADERS_BYTES

    async def close(self) -> None:
        """Close the connection without sending what it held back."""
        client, self._client = self._client, None
        if client is not None:
            await close(client)


def _commands(messages: Sequence[Message], reply: str) -> Iterator[bytes]:
    """One message, or an atomic batch (NATS ADR-50) whose last message commits it; only that one is answered."""
    if len(messages) == 1:
        yield _hpub(messages[0], reply, b"")
        return
    batch_id = ".".join(reply.rsplit(".", 2)[1:]).encode()  # at most 64 characters
    for number, message in enumerate(messages, 1):
        headers = _BATCH % (batch_id, number)
        last = number == len(messages)
        yield _hpub(message, reply if last else "", headers + _COMMIT if last else headers)


def _hpub(message: Message, reply: str, headers: bytes) -> bytes:
    subject, event_id, event = message
    head = _HEAD % (event_id.encode(), headers)
    command = f"HPUB {subject} {reply} {len(head)} {len(head) + len(event)}\r\n"
    return b"%s%s%s\r\n" % (command.encode(), head, event)

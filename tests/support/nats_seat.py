"""One user of a NATS server, and whether the server lets it do something."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas.nats_users import NatsAddress

ANSWER_SECONDS = 5.0


class NotAllowed(Exception):
    """The server says no."""


class Seat:
    """A connection as one user. What is asked of it raises NotAllowed where the server refuses."""

    def __init__(self, address: NatsAddress) -> None:
        self.user = address.user
        self.api = address.api
        self._refusals: asyncio.Queue[str] = asyncio.Queue()
        self.client = Client()

    async def ask(self, subject: str, body: bytes | dict[str, Any] = b"") -> Msg | None:
        """A request and the first answer to it, None where nobody answers. `api.` stands for JetStream's API, as this
        user has it.
        """
        if subject.startswith("api."):
            subject = f"{self.api}.{subject.removeprefix('api.')}"
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        inbox = self.client.new_inbox()
        answers = await self.client.subscribe(inbox)
        await self.client.publish(subject, payload, reply=inbox)
        answer: Msg = await self._unless_refused(subject, answers.next_msg(ANSWER_SECONDS))
        return None if (answer.headers or {}).get("Status") == "503" else answer

    async def listen(self, subject: str) -> None:
        """Subscribe to it."""
        subscription = await self.client.subscribe(subject)
        await self.client.flush()
        await self._unless_refused(subject, self.client.flush())
        await subscription.unsubscribe()

    async def say(self, subject: str, body: bytes, reply: str) -> None:
        """Publish, with answers to a subject of our choice. Nothing is raised."""
        await self.client.publish(subject, body, reply=reply)
        await self.client.flush()

    async def _unless_refused(self, subject: str, asking: Any) -> Any:
        task = asyncio.ensure_future(asking)
        refused = asyncio.ensure_future(self._refused(subject))
        try:
            await asyncio.wait({task, refused}, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise NotAllowed(refused.result())
            return await task
        finally:
            for each in (task, refused):
                each.cancel()
            await asyncio.gather(task, refused, return_exceptions=True)

    async def _refused(self, subject: str) -> str:
        """Wait until the server says no to that subject, which the library tells in small letters."""
        while f'"{subject.lower()}"' not in (refusal := await self._refusals.get()).lower():
            pass
        return refusal

    async def on_error(self, error: Exception) -> None:
        if "permissions violation" in str(error).lower():
            self._refusals.put_nowait(str(error))


@asynccontextmanager
async def seated(url: str) -> AsyncIterator[Seat]:
    """That user, connected."""
    address = NatsAddress(url)
    seat = Seat(address)
    await seat.client.connect(
        address.servers,
        inbox_prefix=address.inbox,
        allow_reconnect=False,
        error_cb=seat.on_error,
    )
    try:
        yield seat
    finally:
        await seat.client.close()


async def refuses(url: str) -> bool:
    """Whether the server lets nobody in who comes like that."""
    client = Client()
    try:
        await client.connect(url, allow_reconnect=False, connect_timeout=5, error_cb=_ignore)
    except nats.errors.Error:
        return True
    finally:
        await client.close()
    return False


async def _ignore(error: Exception) -> None:
    """It is raised, too."""

"""All that a bucket holds, read again and again: each time only what has changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from nats.aio.client import Client

from recorder.bus.errors import StreamUnreachable, reaching

READ_SECONDS = 5.0
READ_AT_ONCE = 1000

V = TypeVar("V")


class Mirror(Generic[V]):
    """A bucket, read around the library's watch, which may go deaf.

    `value` makes of a key, its body and its revision what is held. Only what has changed is read, as a bucket keeps a
    mark of each deleted key.
    """

    def __init__(self, client: Client, bucket: str, value: Callable[[str, bytes, int], V]) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"$KV.{bucket}."
        self._value = value
        self._held: dict[str, V] = {}
        self._revision = 0
        self._reading = asyncio.Lock()

    async def read(self, *, afresh: bool = False) -> Mapping[str, V]:
        """Values by key. Raises StreamUnreachable.

        `afresh` reads all of them: a bucket that was made anew counts its revisions from 1.
        """
        async with self._reading:
            if afresh:
                self._held, self._revision = {}, 0
            await self._read_all()
            return dict(self._held)

    async def _read_all(self) -> None:
        with reaching():
            async with asyncio.timeout(READ_SECONDS):
                while await self._read_some():
                    pass

    async def _read_some(self) -> bool:
        """Read the next changes; whether there are more."""
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox)
        wish = {
            "batch": READ_AT_ONCE,
            "seq": self._revision + 1,
            "next_by_subj": f"{self._prefix}>",
        }
        try:
            await self._client.publish(
                f"$JS.API.DIRECT.GET.KV_{self._bucket}", json.dumps(wish).encode(), reply=inbox
            )
            while True:
                message = await subscription.next_msg(READ_SECONDS)
                headers = message.headers or {}
                if "Status" in headers:
                    return self._is_more_after(headers)
                self._take(headers, message.data)
        finally:
            await subscription.unsubscribe()

    def _take(self, headers: Mapping[str, str], body: bytes) -> None:
        key = headers["Nats-Subject"].removeprefix(self._prefix)
        self._revision = int(headers["Nats-Sequence"])
        if "KV-Operation" in headers or "Nats-Marker-Reason" in headers:
            self._held.pop(key, None)
        else:
            self._held[key] = self._value(key, body, self._revision)

    def _is_more_after(self, headers: Mapping[str, str]) -> bool:
        status = headers["Status"]
        if status == "404":  # nothing is newer
            return False
        if status != "204":
            what = f"{self._bucket} cannot be read: {status} {headers.get('Description', '')}"
            raise StreamUnreachable(what)
        return int(headers.get("Nats-Num-Pending", 0)) > 0

"""A bucket read as a whole, around the library's watch: that one may say that it is done before the first key has come,
when all of them are on their way at the moment it asks how many there are.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.kv import KV_OP

from worker.bus.connection import as_link_down
from worker.publisher import LinkDown

READ_SECONDS = 5.0
READ_AT_ONCE = 1000
MARKER = "Nats-Marker-Reason"  # in place of KV_OP where the server took a key away


async def read_keys(client: Client, api: str, bucket: str) -> list[tuple[str, bytes]]:
    """Every key with its value, the oldest first. Raises LinkDown.

    By direct gets, which any replica answers: what was written a moment ago may not be among them. `api` is what the
    subjects of JetStream's API begin with for this client.
    """
    reading = _Reading(client, api, bucket)
    with as_link_down():
        async with asyncio.timeout(READ_SECONDS):
            while await reading.read_some():
                pass
    return list(reading.found.items())


class _Reading:
    def __init__(self, client: Client, api: str, bucket: str) -> None:
        self.found: dict[str, bytes] = {}
        self._client = client
        self._get = f"{api}.DIRECT.GET.KV_{bucket}"
        self._prefix = f"$KV.{bucket}."
        self._last = 0

    async def read_some(self) -> bool:
        """Read the next values; whether there are more."""
        inbox = self._client.new_inbox()
        answers = await self._client.subscribe(inbox)
        wish = {
            "batch": READ_AT_ONCE,
            "seq": self._last + 1,
            "next_by_subj": f"{self._prefix}>",
        }
        try:
            await self._client.publish(self._get, json.dumps(wish).encode(), reply=inbox)
            while True:
                message = await answers.next_msg(READ_SECONDS)
                headers = message.headers or {}
                if "Status" in headers:
                    return _is_more_after(headers)
                self._take(message, headers)
        finally:
            await answers.unsubscribe()

    def _take(self, message: Msg, headers: Mapping[str, str]) -> None:
        key = headers["Nats-Subject"].removeprefix(self._prefix)
        self._last = int(headers["Nats-Sequence"])
        self.found.pop(key, None)  # read again, it is the newest
        if KV_OP not in headers and MARKER not in headers:
            self.found[key] = message.data


def _is_more_after(headers: Mapping[str, str]) -> bool:
    status = headers["Status"]
    if status == "404":  # nothing is newer
        return False
    if status != "204":
        description = headers.get("Description", "")
        raise LinkDown(f"the bucket cannot be read: {status} {description}".rstrip())
    return int(headers.get("Nats-Num-Pending", 0)) > 0

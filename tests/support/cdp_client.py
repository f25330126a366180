"""A CDP client with no library's good manners: sends what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

LIMIT_S = 60.0
LARGEST_FRAME_BYTES = 64 * 1024 * 1024

Message = dict[str, Any]


class CdpClient(WSListener):
    """An open socket to a run's connectUrl."""

    def __init__(self) -> None:
        self._transport: WSTransport | None = None
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self.errors: asyncio.Queue[Message] = asyncio.Queue()
        self._last_id = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        message = json.loads(frame.get_payload_as_bytes())
        if answer := self._answers.pop(message.get("id", 0), None):
            answer.set_result(message)
        elif "error" in message:
            self.errors.put_nowait(message)

    async def call(self, method: str, session: str | None = None, **params: Any) -> Message:
        """The whole answer to a call: with a result, or with an error."""
        self._last_id += 1
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[self._last_id] = answer
        message = {"id": self._last_id, "method": method, "params": params}
        self.send(json.dumps(message | ({"sessionId": session} if session else {})).encode())
        async with asyncio.timeout(LIMIT_S):
            return await answer

    def send(self, message: bytes) -> None:
        """Any bytes at all, as a text frame."""
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT, message)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.disconnect()


@asynccontextmanager
async def cdp_client(connect_url: str) -> AsyncIterator[CdpClient]:
    """A client for as long as the block. Raises what picows raises when it is not let in."""
    client = CdpClient()
    transport, _ = await ws_connect(lambda: client, connect_url, max_frame_size=LARGEST_FRAME_BYTES)
    try:
        yield client
    finally:
        client.close()
        await transport.wait_disconnected()

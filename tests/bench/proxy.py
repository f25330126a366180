"""A WebSocket proxy that does nothing: the least that any gateway in Python adds. Run as a process of its own.

python -m tests.bench.proxy URL PORT_FILE
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_connect,
    ws_create_server,
)

from tests.bench.cdp import MAX_FRAME_BYTES


class _Side(WSListener):
    """One socket; what comes in goes out at the other one."""

    def __init__(self) -> None:
        self.other: WSTransport | None = None
        self.early: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
            if self.other is not None:
                self.other.disconnect()
        elif self.other is None:
            self.early.append(frame.get_payload_as_bytes())
        else:
            self.other.send(frame.msg_type, frame.get_payload_as_memoryview(), frame.fin)

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        if self.other is not None:
            self.other.disconnect()


class _Front(_Side):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._opening: asyncio.Task[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._opening = asyncio.get_running_loop().create_task(self._open(transport))

    async def _open(self, transport: WSTransport) -> None:
        back = _Side()
        back.other = transport
        self.other, _ = await ws_connect(lambda: back, self._url, max_frame_size=MAX_FRAME_BYTES)
        for message in self.early:
            self.other.send(WSMsgType.TEXT, message)


async def serve(url: str, port_file: Path) -> None:
    """Lead every client to `url`, until killed."""

    def front(_request: WSUpgradeRequest) -> WSListener:
        return _Front(url)

    server = await ws_create_server(front, "127.0.0.1", 0, max_frame_size=MAX_FRAME_BYTES)
    port_file.write_text(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], Path(sys.argv[2])))

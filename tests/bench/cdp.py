"""A CDP client that costs as little as one in Python can: the same one for ours and for every baseline."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Raw, Struct
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from worker.cdp.pipe import Pipe

MAX_FRAME_BYTES = 1024 * 1024 * 1024


class _Head(Struct):
    id: int = 0
    method: str = ""
    params: Raw = Raw(b"{}")
    result: Raw = Raw(b"{}")
    error: Raw | None = None
    session_id: str = msgspec.field(name="sessionId", default="")


class _Session(Struct):
    session_id: str = msgspec.field(name="sessionId")


class _Evaluated(Struct):
    result: dict[str, Any]


class _Target(Struct):
    target_id: str = msgspec.field(name="targetId")


_head = msgspec.json.Decoder(_Head)


class Cdp:
    """Calls over any transport, and events that one waits for."""

    def __init__(self) -> None:
        self.send: Callable[[bytes], None] = _nowhere
        self._last_id = 0
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._awaited: dict[tuple[str, str], asyncio.Future[None]] = {}

    def receive(self, message: bytes) -> None:
        """A message of the browser's."""
        head = _head.decode(message)
        if head.method:
            awaited = self._awaited.pop((head.session_id, head.method), None)
            if awaited is not None and not awaited.done():
                awaited.set_result(None)
            return
        call = self._calls.pop(head.id, None)
        if call is None or call.done():
            return
        if head.error is not None:
            call.set_exception(RuntimeError(bytes(head.error).decode()))
        else:
            call.set_result(bytes(head.result))

    async def call(
        self, method: str, params: dict[str, Any] | None = None, session: str = ""
    ) -> bytes:
        """Call and wait for the result."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._calls[self._last_id] = answer
        self.send(msgspec.json.encode(message))
        return await answer

    def expect(self, session: str, method: str) -> asyncio.Future[None]:
        """Resolved when the next such event comes."""
        awaited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited[session, method] = awaited
        return awaited

    async def round_trip_ms(self) -> float:
        """How long the smallest call takes."""
        since = time.perf_counter()
        await self.call("Browser.getVersion")
        return (time.perf_counter() - since) * 1000


class Page:
    """A page of its own in a browser, driven with the few calls that a load needs."""

    def __init__(self, cdp: Cdp, session: str, target: str) -> None:
        self.cdp = cdp
        self.session = session
        self.target = target

    @classmethod
    async def open(cls, cdp: Cdp) -> Page:
        """A new page, with the events of loading switched on."""
        target = await cdp.call("Target.createTarget", {"url": "about:blank"})
        target_id = msgspec.json.decode(target, type=_Target).target_id
        attached = await cdp.call("Target.attachToTarget", {"targetId": target_id, "flatten": True})
        session = msgspec.json.decode(attached, type=_Session).session_id
        await cdp.call("Page.enable", session=session)
        return cls(cdp, session, target_id)

    async def load(self, url: str) -> float:
        """Go to a URL; the milliseconds until its load event was heard."""
        loaded = self.cdp.expect(self.session, "Page.loadEventFired")
        since = time.perf_counter()
        await self.cdp.call("Page.navigate", {"url": url}, self.session)
        await loaded
        return (time.perf_counter() - since) * 1000

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        params = {"expression": expression, "returnByValue": True}
        answer = await self.cdp.call("Runtime.evaluate", params, self.session)
        return msgspec.json.decode(answer, type=_Evaluated).result.get("value")

    async def close(self) -> None:
        """Close the page."""
        await self.cdp.call("Target.closeTarget", {"targetId": self.target})


class _Socket(WSListener):
    def __init__(self, cdp: Cdp) -> None:
        self._cdp = cdp
        self._fragments: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
            return
        self._fragments.append(frame.get_payload_as_bytes())
        if frame.fin:
            message = b"".join(self._fragments)
            self._fragments.clear()
            self._cdp.receive(message)


@asynccontextmanager
async def over_websocket(url: str) -> AsyncIterator[Cdp]:
    """A client on a CDP WebSocket, for as long as the block lasts."""
    cdp = Cdp()
    transport, _ = await ws_connect(lambda: _Socket(cdp), url, max_frame_size=MAX_FRAME_BYTES)
    cdp.send = lambda message: transport.send(WSMsgType.TEXT, message)
    try:
        yield cdp
    finally:
        transport.disconnect()


@asynccontextmanager
async def over_pipe(channel: socket.socket) -> AsyncIterator[Cdp]:
    """A client on our ends of a browser's pipe."""
    cdp = Cdp()
    pipe = await Pipe.open(channel, cdp.receive, lambda _full: None)
    cdp.send = pipe.send
    try:
        yield cdp
    finally:
        pipe.close()


def _nowhere(_message: bytes) -> None:
    """Not connected yet."""

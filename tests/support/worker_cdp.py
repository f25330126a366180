"""A CDP client that knows nothing but CDP: what a test says goes out as it is, and all that comes is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

MAX_FRAME_BYTES = 1024 * 1024 * 1024
LIMIT_S = 60.0

Message = dict[str, Any]


class CdpRefused(Exception):
    """The answer was an error; `code` is CDP's."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]


class CdpCalls:
    """Calls and what comes of them, on whatever carries messages; `events` holds all events so far."""

    def __init__(self) -> None:
        self.events: list[Message] = []
        self.unasked: list[Message] = []  # answers without an id
        self._news = asyncio.Condition()
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._last_id = 0
        self._gone = False
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, message: bytes) -> None:
        """These bytes, whatever they are."""
        raise NotImplementedError

    def take(self, message: Message) -> None:
        """A message from the browser."""
        if "method" in message:
            self.events.append(message)
            task = asyncio.get_running_loop().create_task(self._announce())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif "id" in message:
            waiting = self._answers[message["id"]]
            if not waiting.done():  # the test may wait no more
                waiting.set_result(message)
        else:
            self.unasked.append(message)

    async def _announce(self) -> None:
        async with self._news:
            self._news.notify_all()

    def expect(self, message_id: int) -> asyncio.Future[Message]:
        """The whole answer with that id."""
        if self._gone:
            raise ConnectionError("closed before the call")
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[message_id] = answer
        return answer

    async def call(self, method: str, session: str = "", **params: Any) -> Message:
        """Call and wait for the result; raises CdpRefused."""
        self._last_id += 1
        message: Message = {"id": self._last_id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        waiting = self.expect(self._last_id)
        self.send(msgspec.json.encode(message))
        async with asyncio.timeout(LIMIT_S):
            answer = await waiting
        if "error" in answer:
            raise CdpRefused(answer["error"])
        result: Message = answer["result"]
        return result

    async def event(self, method: str, session: str = "") -> Message:
        """The params of the first such event, waited for."""
        async with asyncio.timeout(LIMIT_S), self._news:
            while (found := self._find(method, session)) is None:
                await self._news.wait()
        return found

    def _find(self, method: str, session: str) -> Message | None:
        for event in self.events:
            if event["method"] == method and event.get("sessionId", "") == session:
                params: Message = event["params"]
                return params
        return None

    def give_up(self) -> None:
        """Nothing will be answered any more."""
        self._gone = True
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("closed before the answer"))

    async def new_page(self, url: str = "about:blank", context: str = "") -> CdpPage:
        """A page of its own, attached to."""
        where = {"browserContextId": context} if context else {}
        target = (await self.call("Target.createTarget", url=url, **where))["targetId"]
        attached = await self.call("Target.attachToTarget", targetId=target, flatten=True)
        return CdpPage(self, target, attached["sessionId"])


class CdpClient(WSListener, CdpCalls):
    """One socket; `closed` is set when it is gone."""

    def __init__(self) -> None:
        CdpCalls.__init__(self)
        self.closed = asyncio.Event()
        self.close_code = 0
        self.close_reason = ""
        self._fragments: list[bytes] = []
        self._transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self.close_code = int(frame.get_close_code().value)
            self.close_reason = (frame.get_close_message() or b"").decode()
            transport.disconnect()
            return
        self._fragments.append(frame.get_payload_as_bytes())
        if frame.fin:
            whole = b"".join(self._fragments)
            self._fragments.clear()
            self.take(msgspec.json.decode(whole))

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        self.closed.set()
        self.give_up()

    def send(self, message: bytes) -> None:
        """These bytes, whatever they are."""
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT, message)

    async def disconnect(self) -> None:
        """Leave; returns when the socket is gone."""
        assert self._transport is not None
        self._transport.send_close(WSCloseCode.OK)
        await self.break_off()

    async def break_off(self) -> None:
        """Go without a word; returns when the socket is gone."""
        assert self._transport is not None
        self._transport.disconnect()
        await self.closed.wait()


class CdpPage:
    """A page and the session to it."""

    def __init__(self, client: CdpCalls, target: str, session: str) -> None:
        self.client = client
        self.target = target
        self.session = session

    async def call(self, method: str, **params: Any) -> Message:
        """Call on the page's session."""
        return await self.client.call(method, self.session, **params)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited if it is a promise."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def goto(self, url: str) -> None:
        """Navigate, and wait until it is loaded."""
        await self.call("Page.enable")
        self.client.events.clear()
        await self.call("Page.navigate", url=url)
        await self.client.event("Page.loadEventFired", self.session)

    async def close(self) -> None:
        """Close the page."""
        await self.client.call("Target.closeTarget", targetId=self.target)


@asynccontextmanager
async def cdp_client(url: str) -> AsyncIterator[CdpClient]:
    """A client on a CDP socket, for as long as the block lasts."""
    _, client = await ws_connect(CdpClient, url, max_frame_size=MAX_FRAME_BYTES)
    assert isinstance(client, CdpClient)
    try:
        yield client
    finally:
        await client.disconnect()

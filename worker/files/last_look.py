"""What the page in front shows, by a CDP session of our own: for a run that fails while its browser still answers."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import msgspec
from msgspec import Raw, Struct

from worker.cdp import frames
from worker.cdp.switchboard import CdpError, Switchboard

LOOK_SECONDS = 2.0


class _Answer(Struct):
    id: int
    result: Raw = Raw()


class _Attached(Struct, rename="camel"):
    session_id: str


class _Captured(Struct):
    data: str


_answer = msgspec.json.Decoder(_Answer)


class _Eye:
    """One call at a time, on sessions of its own."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._answer: asyncio.Future[Raw] = asyncio.get_running_loop().create_future()

    def receive(self, _session: bytes, message: bytes) -> None:
        """Only answers are of interest."""
        if frames.method_of(message) is None and not self._answer.done():
            self._answer.set_result(frames.decode(_answer, message).result)

    async def call(self, session: bytes, method: str, params: dict[str, Any]) -> Raw:
        """Raises CdpError."""
        self._answer = asyncio.get_running_loop().create_future()
        call = {"id": 1, "method": method, "params": params, "sessionId": session.decode()}
        self._switchboard.send(msgspec.json.encode(call))
        result = await self._answer
        if not result:
            raise CdpError(f"{method} was refused")
        return result


async def last_look(switchboard: Switchboard, target_id: str) -> bytes:
    """A JPEG of a page. Raises CdpError, BrowserGone, TimeoutError: a page that crashed or hangs shows nothing."""
    async with asyncio.timeout(LOOK_SECONDS):
        eye = _Eye(switchboard)
        browser = await switchboard.attach(eye)
        try:
            to_page = {"targetId": target_id, "flatten": True}
            attached = await eye.call(browser, "Target.attachToTarget", to_page)
            page = frames.decode(msgspec.json.Decoder(_Attached), attached).session_id.encode()
            how = {"format": "jpeg", "quality": 70}
            captured = await eye.call(page, "Page.captureScreenshot", how)
            return base64.b64decode(frames.decode(msgspec.json.Decoder(_Captured), captured).data)
        finally:
            switchboard.detach(eye, browser)

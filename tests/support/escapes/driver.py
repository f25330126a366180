"""Whoever sends CDP: on the pipe of a browser without a gateway, or by a gateway's socket (`worker_cdp.CdpClient`)."""

from __future__ import annotations

import msgspec

from tests.support.worker_cdp import CdpCalls
from worker.cdp.switchboard import Switchboard


class PipeDriver(CdpCalls):
    """Raw CDP on a browser session of its own; whoever ends the browser calls `give_up`."""

    def __init__(self, switchboard: Switchboard) -> None:
        super().__init__()
        self._switchboard = switchboard
        self._root = b""

    async def attach(self) -> None:
        """Before the first call."""
        self._root = await self._switchboard.attach(self)

    def receive(self, session: bytes, message: bytes) -> None:
        """A message of one of its sessions: called by the switchboard."""
        heard = msgspec.json.decode(message)
        if session == self._root:
            del heard["sessionId"]
        self.take(heard)

    def send(self, message: bytes) -> None:
        """As a client would by a socket: what names no session is the browser session's."""
        call = msgspec.json.decode(message)
        call.setdefault("sessionId", self._root.decode())
        self._switchboard.send(msgspec.json.encode(call))

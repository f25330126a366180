"""One browser's pipe, shared: every message goes to the owner of its session, and a new session to its parent's owner.

Message ids are per session, so each client's ids pass through unchanged. The root session is ours alone: from it every
client, and our own tap, gets a browser session of its own (`Target.attachToBrowserTarget`).
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Protocol

import msgspec
import structlog
from msgspec import Raw, Struct

from worker.cdp import frames
from worker.cdp.pipe import Pipe

log = structlog.get_logger(__name__)

_TARGET_EVENT = b'{"method":"Target.'


class CdpError(Exception):
    """Chromium refused a call of ours."""


class BrowserGone(Exception):
    """The browser ended before it answered."""


class Owner(Protocol):
    """Whoever a session belongs to: the tap, or a client."""

    def receive(self, session: bytes, message: bytes) -> None:
        """A message of one of the owner's sessions."""


class _Child(Struct):
    session_id: str = msgspec.field(name="sessionId")


class _TargetEvent(Struct):
    method: str
    params: Raw


class _Failure(Struct):
    message: str = "no reason given"
    code: int = 0


class _Answer(Struct):
    id: int
    result: Raw = Raw(b"{}")
    error: _Failure | None = None


_target_event = msgspec.json.Decoder(_TargetEvent)
_child = msgspec.json.Decoder(_Child)
_answer = msgspec.json.Decoder(_Answer)


class Switchboard:
    """Routes messages between the pipe and the owners of sessions."""

    def __init__(self) -> None:
        self._pipe: Pipe | None = None
        self._owners: dict[bytes, Owner] = {}
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._ready: list[bytes] = []
        # What Chromium cannot read it answers at the root; no client's id shall look like one of ours there.
        self._last_id = secrets.randbelow(2**30)
        self._hung_up = False
        self.unowned = 0
        self.unread = 0

    def connect(self, pipe: Pipe) -> None:
        """Send through this pipe from now on."""
        self._pipe = pipe

    def send(self, message: bytes) -> None:
        """Pass a message to the browser as it is."""
        if self._pipe is not None:
            self._pipe.send(message)

    def dispatch(self, message: bytes) -> None:
        """Hand a message of the browser's to its owner; called by the pipe. One bad message ends nothing."""
        try:
            self._dispatch(message)
        except msgspec.MsgspecError as error:
            self.unread += 1
            log.warning("cdp.message_unread", method=frames.method_of(message), reason=str(error))

    def _dispatch(self, message: bytes) -> None:
        session = frames.session_of(message)
        if session is None:
            self._receive_at_root(message)
            return
        owner = self._owners.get(session)
        if owner is None:
            self.unowned += 1
            return
        if message.startswith(_TARGET_EVENT):
            self._follow(owner, message)
        owner.receive(session, message)

    def _follow(self, owner: Owner, message: bytes) -> None:
        """Sessions that an owner's session announces are the owner's too, until they are detached."""
        method = frames.method_of(message)
        if method == b"Target.attachedToTarget":
            self._owners[_session_in(message)] = owner
        elif method == b"Target.detachedFromTarget":
            self._owners.pop(_session_in(message), None)

    def owner_of(self, session: bytes) -> Owner | None:
        """Who holds a session."""
        return self._owners.get(session)

    async def prepare(self, count: int) -> None:
        """Have so many browser sessions ready, so that who attaches need not wait. Raises CdpError, BrowserGone."""
        self._ready += await asyncio.gather(*(self._new_session() for _ in range(count)))

    async def attach(self, owner: Owner) -> bytes:
        """A browser session of its own for an owner. Raises CdpError, BrowserGone."""
        session = self._ready.pop() if self._ready else await self._new_session()
        self._owners[session] = owner
        return session

    async def _new_session(self) -> bytes:
        result = await self.call("Target.attachToBrowserTarget")
        return msgspec.json.decode(result, type=_Child).session_id.encode()

    def detach(self, owner: Owner, session: bytes) -> None:
        """End an owner's browser session, and with it all that hangs on it."""
        self._owners = {held: by for held, by in self._owners.items() if by is not owner}
        self.post("Target.detachFromTarget", {"sessionId": session.decode()})

    def post(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a call of our own at the root without waiting for its answer; its id."""
        self._last_id += 1
        call = {"id": self._last_id, "method": method, "params": params or {}}
        self.send(msgspec.json.encode(call))
        return self._last_id

    async def call(self, method: str, params: dict[str, Any] | None = None) -> bytes:
        """Call at the root and wait for the result; raises CdpError, BrowserGone."""
        if self._hung_up:
            raise BrowserGone("the browser has ended")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        call_id = self.post(method, params)
        self._calls[call_id] = answer
        try:
            return await answer
        finally:
            self._calls.pop(call_id, None)

    def _receive_at_root(self, message: bytes) -> None:
        if frames.method_of(message) is not None:
            return
        answer = frames.decode(_answer, message)
        waiting = self._calls.get(answer.id)
        if waiting is not None and not waiting.done():
            _settle(waiting, answer)
        elif answer.error is not None and waiting is None:
            log.debug("cdp.call_refused", call_id=answer.id, reason=answer.error.message)

    def hang_up(self) -> None:
        """The browser is gone: what it had said is heard, and then nothing will be answered any more."""
        if self._pipe is not None:
            self._pipe.take_the_rest()
        self._hung_up = True
        self._ready.clear()
        for waiting in self._calls.values():
            if not waiting.done():
                waiting.set_exception(BrowserGone("the browser ended before it answered"))
        if self._pipe is not None:
            self._pipe.close()


def _settle(waiting: asyncio.Future[bytes], answer: _Answer) -> None:
    if answer.error is not None:
        waiting.set_exception(CdpError(answer.error.message))
    else:
        waiting.set_result(bytes(answer.result))


def _session_in(message: bytes) -> bytes:
    return _child.decode(frames.decode(_target_event, message).params).session_id.encode()

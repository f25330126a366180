"""One attached client: a WebSocket on one side, a browser session on the pipe on the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, Struct, UnsetType
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport
from uuid_utils import uuid7

from schemas.events.connection import CommandError, ConnectionClosed, ConnectionOpened
from worker.cdp import frames
from worker.cdp.switchboard import BrowserGone, CdpError, Switchboard
from worker.fact import Fact
from worker.gateway.door import Door
from worker.gateway.fragments import Fragments, MessageTooLarge
from worker.gateway.held import GiveUp, Held
from worker.gateway.leading import Leading
from worker.gateway.pending import ANSWER, Pending, Place
from worker.gateway.policy import (
    Call,
    CloseClient,
    Lead,
    Pass,
    Refuse,
    Rewrite,
    Unreadable,
    read_call,
    written,
)
from worker.gateway.refusals import Refusals
from worker.gateway.sessions import Sessions
from worker.gateway.table import verdict
from worker.gateway.visitor import Visitor
from worker.limits import cut_text
from worker.tap.elements import is_of_ours

log = structlog.get_logger(__name__)

# A client that does not read is cut off before it eats the host's memory.
WRITE_BUFFER_BYTES = 256 * 1024 * 1024

CLOSE_REASON_BYTES = 123  # RFC 6455, section 5.5
# What a client has to read what waits for it, once its connection ends; one that is dropped has less.
CLOSE_SECONDS = 5.0
DROP_SECONDS = 0.5

KEY_REVOKED = "key.revoked: the API key that this URL was given to was revoked"

CDP_INVALID_REQUEST = -32600
CDP_SESSION_NOT_FOUND = -32001


_WORLD_EVENT = b'{"method":"Runtime.executionContextCreated"'


class Traffic(Struct):
    """What went through a connection, each way."""

    messages_from_client: int = 0
    messages_to_client: int = 0
    bytes_from_client: int = 0
    bytes_to_client: int = 0


class Client(WSListener):
    """Carries messages both ways. Its ids are its own; its root is the browser session it was given.

    What it does is told under `connection_id`, that of the connection that it came by, or its own.
    """

    def __init__(self, switchboard: Switchboard, door: Door, visitor: Visitor) -> None:
        self.id = str(uuid7())
        self.connection_id = visitor.connection_id or self.id
        self.sessions = Sessions(switchboard.send)
        self._attachment_id = self.id if visitor.connection_id else UNSET
        self._switchboard = switchboard
        self._door = door
        self._pending = Pending(
            door.record,
            door.told,
            connection_id=self.connection_id,
            attachment_id=self._attachment_id,
        )
        self._refusals = Refusals(self.id)
        self._held = Held(self._ask, self._carry_out)
        self._leading = Leading(door.navigate)
        self._visitor = visitor
        self._session = b""
        self._early: list[bytes] = []
        self._fragments = Fragments()
        self._transport: WSTransport | None = None
        self._address = ""
        self._since = 0.0
        self._traffic = Traffic()
        self._behind = False
        self._gone = False
        self._left = False
        self._reason = "connection lost"
        self._code: int | UnsetType = UNSET

    # the socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done; the browser session follows (`open`), and until then the client waits."""
        self._transport = transport
        self.hold(True)
        self._address = self._visitor.address or _address(transport)
        self._since = time.monotonic()
        self._door.came(self)

    async def open(self) -> None:
        """Take a browser session; what the client sent meanwhile goes first."""
        if await self._is_shut_out():
            return
        try:
            self._session = await self._switchboard.attach(self)
        except (CdpError, BrowserGone) as error:
            self.close(WSCloseCode.TRY_AGAIN_LATER, f"the browser gave no session: {error}")
            return
        if self._left:  # it was sent away meanwhile, and nobody shall read that it came after that
            self._switchboard.detach(self, self._session)
            return
        opened = ConnectionOpened(
            client_address=self._address,
            user_agent=self._visitor.user_agent,
            attachment_id=self._attachment_id,
        )
        self._door.record(Fact(data=opened, status="started", connection_id=self.connection_id))
        if self._gone:
            self._leave()
            return
        early, self._early = self._early, []
        for message in early:
            self._from_client(message)
        self.hold(False)

    async def _is_shut_out(self) -> bool:
        """By its key, which may have been revoked since it was given this URL."""
        standing = await self._visitor.key()
        if standing == "revoked":
            self.drop(KEY_REVOKED)
        elif standing == "unknown":
            self.close(
                WSCloseCode.TRY_AGAIN_LATER, "whether its API key is good cannot be seen now"
            )
        return standing != "good"

    @property
    def key_id(self) -> str:
        """The API key that its URL was given to, while it is attached; empty: none."""
        return "" if self._left else self._visitor.key_id

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame from the client."""
        if frame.msg_type == WSMsgType.CLOSE:
            self._reason = "closed by client"
            self._code = int(frame.get_close_code().value) or UNSET  # 0: it gave none
            transport.send_close(WSCloseCode.OK)
            self._hang_up(CLOSE_SECONDS)
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._take_fragment(frame.get_payload_as_bytes(), last=frame.fin)

    def _take_fragment(self, payload: bytes, *, last: bool) -> None:
        try:
            message = self._fragments.take(payload, last=last)
        except MessageTooLarge:
            self.close(WSCloseCode.MESSAGE_TOO_BIG, "the message is larger than 256 MiB")
            return
        if message is not None:
            self._from_client(message)

    def hold(self, hold: bool) -> None:
        """Read nothing more from this client, or go on."""
        if self._transport is None or self._gone:
            return
        socket = self._transport.underlying_transport
        if hold:
            socket.pause_reading()
        else:
            socket.resume_reading()

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """The socket is gone, whoever closed it."""
        self._gone = True
        self._leave()

    def _leave(self) -> None:
        """Give the browser session back and tell that the connection is closed, once."""
        if self._session and not self._left:
            self._left = True
            self._held.release()
            self._refusals.end()
            self._switchboard.detach(self, self._session)
            self._tell_end()
        self._door.left(self)

    def _tell_end(self) -> None:
        self._pending.end()
        closed = ConnectionClosed(
            reason=self._reason,
            client_address=self._address,
            close_code=self._code,
            attachment_id=self._attachment_id,
            **msgspec.structs.asdict(self._traffic),
        )
        self._door.record(
            Fact(
                data=closed,
                status="finished",
                connection_id=self.connection_id,
                duration_ms=round((time.monotonic() - self._since) * 1000),
            )
        )

    def close(self, code: WSCloseCode, reason: str) -> None:
        """End the connection from our side."""
        self._reason = reason
        self._code = int(code.value)
        if self._transport is not None:
            self._transport.send_close(code, cut_text(reason, CLOSE_REASON_BYTES).encode())
            self._hang_up(CLOSE_SECONDS)

    def _hang_up(self, seconds: float) -> None:
        """No more is sent; what it has not read by then is thrown away, because it may never read."""
        if self._transport is not None:
            self._transport.disconnect()
            asyncio.get_running_loop().call_later(seconds, self._transport.disconnect, False)

    def go_away(self, reason: str) -> None:
        """End the connection because the run is over."""
        self.close(WSCloseCode.GOING_AWAY, reason)
        self._leave_for_good()  # now: what comes after the run's end is not recorded

    def drop(self, reason: str) -> None:
        """End the connection because this client may not be here any more, whether it reads that or not."""
        self.close(WSCloseCode.POLICY_VIOLATION, reason)
        self._leave_for_good()
        self._hang_up(DROP_SECONDS)

    def _leave_for_good(self) -> None:
        """Leave; a browser session that is still to come (`open`) is given back unused."""
        self._leave()
        self._left = True

    # from the client to the browser

    def _from_client(self, message: bytes) -> None:
        if self._left:
            return
        if not self._session:
            self._early.append(message)
            return
        self._traffic.messages_from_client += 1
        self._traffic.bytes_from_client += len(message)
        try:
            call = read_call(message)
        except Unreadable as error:
            self._refuse_unreadable(error)
            return
        self._held.take(call, len(message))

    def _ask(self, call: Call, then: Callable[[], None] | None) -> GiveUp | None:
        place = self._place_of(call)
        if place is None or not self._door.tells:
            return None
        return self._door.acting(call, place, self.connection_id, then)

    def _place_of(self, call: Call) -> Place | None:
        return self.sessions.places.get(call.session_id.encode()) if call.session_id else None

    def _carry_out(self, call: Call) -> None:
        session = call.session_id.encode() if call.session_id else self._session
        if session is not self._session and self._switchboard.owner_of(session) is not self:
            self._add(session, call)
            self._answer_error(call, CDP_SESSION_NOT_FOUND, "Session with given id not found.")
            return
        decision = verdict(call, self._door.area)
        self._add(session, call, always=isinstance(decision, Refuse))
        if isinstance(decision, Refuse):
            self._refusals.count(call.method, decision)
            self._answer_error(call, decision.code, decision.reason)
        elif isinstance(decision, CloseClient):
            self._answer(call, {"result": {}})
            self.close(WSCloseCode.OK, "Browser.close by client")
        else:
            self._pass_on(call, session, decision)

    def _add(self, session: bytes, call: Call, *, always: bool = False) -> None:
        if self._door.tells:
            self._pending.add(session, call, self._place_of(call), always=always)

    def _pass_on(self, call: Call, session: bytes, decision: Pass | Rewrite | Lead) -> None:
        self._door.calling(call, self._place_of(call), self.id)
        self.sessions.calling(session, call)
        if isinstance(decision, Lead):
            self._leading.asked(session, call.id, decision)
        params = None if isinstance(decision, Pass) else decision.params
        self._switchboard.send(written(call, session, params))

    def _refuse_unreadable(self, error: Unreadable) -> None:
        failure = {"code": CDP_INVALID_REQUEST, "message": f"Message is not a CDP call: {error}"}
        numbered = {} if error.call_id is None else {"id": error.call_id}
        self._send(msgspec.json.encode(numbered | {"error": failure}))

    def _answer_error(self, call: Call, code: int, message: str) -> None:
        failure = CommandError(code=code, message=message)
        self._answer(call, {"error": {"code": code, "message": message}}, failure)

    def _answer(
        self, call: Call, outcome: dict[str, Any], failure: CommandError | UnsetType = UNSET
    ) -> None:
        answer = {"id": call.id} | outcome
        if call.session_id:
            answer["sessionId"] = call.session_id
        self._send(msgspec.json.encode(answer))
        session = call.session_id.encode() if call.session_id else self._session
        self._pending.answered_here(session, call.id, failure)

    # from the browser to the client

    def receive(self, session: bytes, message: bytes) -> None:
        """A message of one of this client's sessions; its own browser session is its root."""
        if message.startswith(_WORLD_EVENT) and is_of_ours(message):
            return
        if self.sessions.is_hidden(session, message):
            return
        message = self._door.true_causes(message)
        is_answer = message.startswith(ANSWER)
        if is_answer:
            message = self.sessions.answer_of(session, message)
            self._leading.answered(session, message)
        self._send(frames.without_session(message) if session == self._session else message)
        if is_answer:
            self._pending.settle(session, message)  # the client has its answer already
        elif (left := self.sessions.left(message)) is not None:
            self._pending.leave(left)
            self._leading.leave(left)

    def _send(self, message: bytes) -> None:
        if self._transport is None or self._transport.is_disconnected:
            return
        self._traffic.messages_to_client += 1
        self._traffic.bytes_to_client += len(message)
        self._transport.send(WSMsgType.TEXT, message)
        if self._behind:
            self._check_buffer()

    def pause_writing(self) -> None:
        """The client reads more slowly than the browser writes; beyond a limit that ends the connection."""
        self._behind = True

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._behind = False

    def _check_buffer(self) -> None:
        if self._transport is None:
            return
        waiting = self._transport.underlying_transport.get_write_buffer_size()
        if waiting > WRITE_BUFFER_BYTES:
            log.warning("connection.too_slow", connection_id=self.id, waiting_bytes=waiting)
            self.close(WSCloseCode.TRY_AGAIN_LATER, "the client reads too slowly")
            self._transport.disconnect(graceful=False)  # what waits for it would wait for ever


def _address(transport: WSTransport) -> str:
    peer = transport.underlying_transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else str(peer or "")

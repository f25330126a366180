"""One attached client: a WebSocket on one side, a browser session on the pipe on the other."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog
from msgspec import UNSET, Struct, UnsetType
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport
from uuid_utils import uuid7

from schemas.events.connection import CommandError, ConnectionClosed, ConnectionOpened
from schemas.runtime_config import Record
from worker.cdp import frames
from worker.cdp.switchboard import BrowserGone, CdpError, Switchboard
from worker.fact import Fact
from worker.gateway.pending import ANSWER, Pending, Place
from worker.gateway.policy import Call, CloseClient, Lead, Rewrite, verdict
from worker.limits import cut_text

log = structlog.get_logger(__name__)

# A client that does not read is cut off before it eats the host's memory.
WRITE_BUFFER_BYTES = 256 * 1024 * 1024

MAX_MESSAGE_BYTES = (
    1024 * 1024 * 1024
)  # Chromium's own limit is of this order; picows' default is 10 MiB
CLOSE_REASON_BYTES = 123  # RFC 6455, section 5.5
# What a client has to read what waits for it, once its connection ends; one that is dropped has less.
CLOSE_SECONDS = 5.0
DROP_SECONDS = 0.5

CDP_INVALID_REQUEST = -32600
CDP_SESSION_NOT_FOUND = -32001


class _Target(Struct):
    target_id: str | None = msgspec.field(name="targetId", default=None)


class _Created(Struct):
    """The answer to `Target.createTarget`; or to anything else, which has no target."""

    id: int
    result: _Target | None = None


_TARGET_EVENT = b'{"method":"Target.'
_call = msgspec.json.Decoder(Call)
_created = msgspec.json.Decoder(_Created)
_message = msgspec.json.Decoder(dict[str, Any])


class Traffic(Struct):
    """What went through a connection, each way."""

    messages_from_client: int = 0
    messages_to_client: int = 0
    bytes_from_client: int = 0
    bytes_to_client: int = 0


class Door(Protocol):
    """What a client knows of the run that it came to."""

    downloads: Path
    told: Record
    tells: bool  # whether calls become events

    def record(self, fact: Fact) -> object:
        """Something happened."""

    def navigate(self, target_id: str | None, url: str) -> None:
        """Lead a page there, once it is listened to. None: the newest."""

    def calling(self, call: Call, place: Place | None, client_id: str) -> None:
        """A client makes a call, which goes to the browser behind this."""

    def came(self, client: Client) -> None:
        """Its socket is open."""

    def left(self, client: Client) -> None:
        """It is gone."""


class Client(WSListener):
    """Carries messages both ways. Its ids are its own; its root is the browser session it was given.

    `connection_id` is the connection that it came by; None: the run's own `connectUrl`.
    """

    def __init__(
        self, switchboard: Switchboard, door: Door, *, user_agent: str, connection_id: str | None
    ) -> None:
        self.id = str(uuid7())
        self.connection_id = connection_id or self.id
        self.places: dict[bytes, Place] = {}
        self._attachment_id = self.id if connection_id else UNSET
        self._switchboard = switchboard
        self._door = door
        self._pending = Pending(
            door.record,
            door.told,
            connection_id=self.connection_id,
            attachment_id=self._attachment_id,
        )
        self._leading: dict[tuple[bytes, int], Lead] = {}
        self._user_agent = user_agent
        self._session = b""
        self._early: list[bytes] = []
        self._fragments: list[bytes] = []
        self._fragment_bytes = 0
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
        self._address = _address(transport)
        self._since = time.monotonic()
        self._door.came(self)

    async def open(self) -> None:
        """Take a browser session; what the client sent meanwhile goes first."""
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
            user_agent=self._user_agent,
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
        self._fragments.append(payload)
        self._fragment_bytes += len(payload)
        if self._fragment_bytes > MAX_MESSAGE_BYTES:
            self.close(WSCloseCode.MESSAGE_TOO_BIG, "the message is larger than 1 GiB")
        elif last:
            message = b"".join(self._fragments)
            self._fragments.clear()
            self._fragment_bytes = 0
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
            call = frames.decode(_call, message)
        except msgspec.MsgspecError as error:
            self._refuse_unreadable(error)
            return
        self._carry_out(call, message)

    def _carry_out(self, call: Call, message: bytes) -> None:
        session = call.session_id.encode() if call.session_id else None
        place = self.places.get(session) if session is not None else None
        if self._door.tells:
            self._pending.add(session or self._session, call, place)
        if session is not None and self._switchboard.owner_of(session) is not self:
            self._answer_error(call, CDP_SESSION_NOT_FOUND, "Session with given id not found.")
            return
        decision = verdict(call, self._door.downloads)
        if isinstance(decision, CloseClient):
            self._answer(call, {"result": {}})
            self.close(WSCloseCode.OK, "Browser.close by client")
            return
        self._door.calling(call, place, self.id)
        if isinstance(decision, Lead):
            self._leading[(session or self._session, call.id)] = decision
        if isinstance(decision, Rewrite | Lead):
            message = _rewritten(call, decision.params)
        self._switchboard.send(message if session else frames.with_session(message, self._session))

    def _refuse_unreadable(self, error: Exception) -> None:
        failure = {"code": CDP_INVALID_REQUEST, "message": f"Message is not a CDP call: {error}"}
        self._send(msgspec.json.encode({"error": failure}))

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
        is_answer = message.startswith(ANSWER)
        if is_answer and self._leading:
            self._lead(session, message)
        self._send(frames.without_session(message) if session == self._session else message)
        if is_answer:
            self._pending.settle(session, message)  # the client has its answer already
        elif message.startswith(_TARGET_EVENT):
            self._note_targets(session, message)

    def _lead(self, session: bytes, message: bytes) -> None:
        """A page that this client asked for is there, and empty: it is led to where the client wanted it."""
        answer = frames.decode(_created, message)
        lead = self._leading.pop((session, answer.id), None)
        target_id = answer.result.target_id if answer.result is not None else None
        if lead is not None and target_id is not None:
            self._door.navigate(None if lead.for_tab else target_id, lead.url)

    def _note_targets(self, session: bytes, message: bytes) -> None:
        """Which targets this client is attached to: what it calls there is told of them."""
        method = frames.method_of(message)
        if method == b"Target.attachedToTarget":
            attached = _params(message)
            place = _place(attached["targetInfo"], self.places.get(session))
            self.places[attached["sessionId"].encode()] = place
        elif method == b"Target.detachedFromTarget":
            left = _params(message)["sessionId"].encode()
            self.places.pop(left, None)
            self._pending.leave(left)

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


def _place(info: dict[str, Any], parent: Place | None) -> Place:
    """A frame or a worker is part of the page whose session announced it."""
    is_page = info["type"] == "page"
    return Place(
        target_id=info["targetId"],
        page_id=info["targetId"] if is_page else parent.page_id if parent else UNSET,
        context_id=info.get("browserContextId") or UNSET,
    )


def _params(message: bytes) -> dict[str, Any]:
    params: dict[str, Any] = frames.decode(_message, message)["params"]
    return params


def _rewritten(call: Call, params: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {"id": call.id, "method": call.method, "params": params}
    if call.session_id:
        message["sessionId"] = call.session_id
    return msgspec.json.encode(message)


def _address(transport: WSTransport) -> str:
    peer = transport.underlying_transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else str(peer or "")

"""One attached client: a WebSocket on one side, a browser session on the pipe on the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, Struct, UnsetType
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport
from uuid_utils import uuid7

from schemas.events.connection import ConnectionClosed, ConnectionOpened
from worker.cdp import frames
from worker.cdp.switchboard import BrowserGone, CdpError, Switchboard
from worker.fact import Fact
from worker.gateway.policy import Call, CloseClient, Lead, Rewrite, verdict
from worker.limits import cut_text

log = structlog.get_logger(__name__)

# A client that does not read is cut off before it eats the host's memory.
WRITE_BUFFER_BYTES = 256 * 1024 * 1024

MAX_MESSAGE_BYTES = (
    1024 * 1024 * 1024
)  # Chromium's own limit is of this order; picows' default is 10 MiB
CLOSE_REASON_BYTES = 123  # RFC 6455, section 5.5

CDP_INVALID_REQUEST = -32600
CDP_SESSION_NOT_FOUND = -32001


class _Target(Struct):
    target_id: str | None = msgspec.field(name="targetId", default=None)


class _Created(Struct):
    """The answer to `Target.createTarget`; or to anything else, which has no target."""

    id: int
    result: _Target | None = None


_call = msgspec.json.Decoder(Call)
_created = msgspec.json.Decoder(_Created)
_message = msgspec.json.Decoder(dict[str, Any])


class Traffic(Struct):
    """What went through a connection, each way."""

    messages_from_client: int = 0
    messages_to_client: int = 0
    bytes_from_client: int = 0
    bytes_to_client: int = 0


class Client(WSListener):
    """Carries messages both ways. Its ids are its own; its root is the browser session it was given."""

    def __init__(
        self,
        switchboard: Switchboard,
        *,
        downloads: Path,
        record: Callable[[Fact], object],
        navigate: Callable[[str | None, str], None],
        user_agent: str,
        on_connected: Callable[[Client], None],
        on_gone: Callable[[Client], None],
    ) -> None:
        self.id = str(uuid7())
        self.targets: dict[bytes, str] = {}
        self._switchboard = switchboard
        self._downloads = downloads
        self._record = record
        self._navigate = navigate
        self._leading: dict[tuple[bytes, int], Lead] = {}
        self._user_agent = user_agent
        self._on_connected = on_connected
        self._on_gone = on_gone
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
        self._reason = "closed by client"
        self._code: int | UnsetType = UNSET

    # the socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done; the browser session follows (`open`), and until then the client waits."""
        self._transport = transport
        self.hold(True)
        self._address = _address(transport)
        self._since = time.monotonic()
        self._on_connected(self)

    async def open(self) -> None:
        """Take a browser session; what the client sent meanwhile goes first."""
        try:
            self._session = await self._switchboard.attach(self)
        except (CdpError, BrowserGone) as error:
            self.close(WSCloseCode.TRY_AGAIN_LATER, f"the browser gave no session: {error}")
            return
        opened = ConnectionOpened(client_address=self._address, user_agent=self._user_agent)
        self._record(Fact(data=opened, status="started", connection_id=self.id))
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
            self._code = int(frame.get_close_code().value) or UNSET  # 0: it gave none
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
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
        self._on_gone(self)
        if not self._session or self._left:
            return
        self._left = True
        self._switchboard.detach(self, self._session)
        closed = ConnectionClosed(
            reason=self._reason,
            client_address=self._address,
            close_code=self._code,
            **msgspec.structs.asdict(self._traffic),
        )
        self._record(
            Fact(
                data=closed,
                status="finished",
                connection_id=self.id,
                duration_ms=round((time.monotonic() - self._since) * 1000),
            )
        )

    def close(self, code: WSCloseCode, reason: str) -> None:
        """End the connection from our side."""
        self._reason = reason
        self._code = int(code.value)
        if self._transport is not None:
            self._transport.send_close(code, cut_text(reason, CLOSE_REASON_BYTES).encode())
            self._transport.disconnect()

    def go_away(self, reason: str) -> None:
        """End the connection because the run is over."""
        self.close(WSCloseCode.GOING_AWAY, reason)
        self._leave()  # now: what comes after the run's end is not recorded

    # from the client to the browser

    def _from_client(self, message: bytes) -> None:
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
        if session is not None and self._switchboard.owner_of(session) is not self:
            self._answer_error(call, CDP_SESSION_NOT_FOUND, "Session with given id not found.")
            return
        decision = verdict(call, self._downloads)
        if isinstance(decision, CloseClient):
            self._answer(call, {"result": {}})
            self.close(WSCloseCode.OK, "Browser.close by client")
            return
        if isinstance(decision, Lead):
            self._leading[(session or self._session, call.id)] = decision
        if isinstance(decision, Rewrite | Lead):
            message = _rewritten(call, decision.params)
        self._switchboard.send(message if session else frames.with_session(message, self._session))

    def _refuse_unreadable(self, error: Exception) -> None:
        failure = {"code": CDP_INVALID_REQUEST, "message": f"Message is not a CDP call: {error}"}
        self._send(msgspec.json.encode({"error": failure}))

    def _answer_error(self, call: Call, code: int, message: str) -> None:
        self._answer(call, {"error": {"code": code, "message": message}})

    def _answer(self, call: Call, outcome: dict[str, Any]) -> None:
        answer = {"id": call.id} | outcome
        if call.session_id:
            answer["sessionId"] = call.session_id
        self._send(msgspec.json.encode(answer))

    # from the browser to the client

    def receive(self, session: bytes, message: bytes) -> None:
        """A message of one of this client's sessions; its own browser session is its root."""
        if message.startswith(b'{"method":"Target.'):
            self._note_targets(message)
        elif self._leading and message.startswith(b'{"id":'):
            self._lead(session, message)
        self._send(frames.without_session(message) if session == self._session else message)

    def _lead(self, session: bytes, message: bytes) -> None:
        """A page that this client asked for is there, and empty: it is led to where the client wanted it."""
        answer = frames.decode(_created, message)
        lead = self._leading.pop((session, answer.id), None)
        target_id = answer.result.target_id if answer.result is not None else None
        if lead is not None and target_id is not None:
            self._navigate(None if lead.for_tab else target_id, lead.url)

    def _note_targets(self, message: bytes) -> None:
        """Which pages this client is attached to: it is the one who can answer their dialogs."""
        method = frames.method_of(message)
        if method == b"Target.attachedToTarget":
            attached = _params(message)
            self.targets[attached["sessionId"].encode()] = attached["targetInfo"]["targetId"]
        elif method == b"Target.detachedFromTarget":
            self.targets.pop(_params(message)["sessionId"].encode(), None)

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

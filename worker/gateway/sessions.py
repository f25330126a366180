"""The sessions of one client: where each leads, and which it is not shown, since what they lead to is no page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from worker.cdp import frames
from worker.gateway.pending import ANSWER, Place, place_of
from worker.gateway.policy import CDP_SERVER_ERROR, OUR_ID, Call, written
from worker.gateway.urls import is_inner

log = structlog.get_logger(__name__)

# What is part of a page, or has some. The browser itself is on every client's root, and has the same rules here.
_PARTS = frozenset(
    (
        "page", "tab", "iframe", "webview", "worker", "shared_worker", "service_worker", "worklet",
        "shared_storage_worklet", "auction_worklet", "browser",
    )
)  # fmt: skip
_NO_PAGE = "Runreel refuses Target.attachToTarget: that target is no page of the web."
_TARGET_EVENT = b'{"method":"Target.'
_OUR_ANSWER = ANSWER + b"%d," % OUR_ID
_message = msgspec.json.Decoder(dict[str, Any])


class Sessions:
    """What a client is attached to. `send` goes to the browser."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.places: dict[bytes, Place] = {}
        self._send = send
        self._hidden: set[bytes] = set()
        self._attaching: set[tuple[bytes, int]] = set()

    def calling(self, session: bytes, call: Call) -> None:
        """A call is about to be made on a session."""
        if call.method == "Target.attachToTarget":
            self._attaching.add((session, call.id))

    def is_hidden(self, session: bytes, message: bytes) -> bool:
        """Whether a message of a session's is nothing for the client, and remembers where sessions lead."""
        if message.startswith(_TARGET_EVENT):
            return self._hides(session, message)
        return message.startswith(_OUR_ANSWER) or session in self._hidden

    def answer_of(self, session: bytes, message: bytes) -> bytes:
        """An answer as the client reads it: one that gives it a session which is hidden says that there is none."""
        if not self._attaching:
            return message
        asked = (session, frames.answered_id(message))
        if asked not in self._attaching:  # nor is it decoded then: it may be large
            return message
        self._attaching.discard(asked)
        answer = frames.decode(_message, message)
        given = answer.get("result", {}).get("sessionId", "").encode()
        return _refusal(*asked) if given in self._hidden else message

    def left(self, message: bytes) -> bytes | None:
        """The session that an event says is over."""
        if frames.method_of(message) != b"Target.detachedFromTarget":
            return None
        return _session_in(message)

    def _hides(self, session: bytes, message: bytes) -> bool:
        method = frames.method_of(message)
        if method == b"Target.attachedToTarget":
            return self._came(session, _params(message))
        if method == b"Target.detachedFromTarget":
            return self._went(_session_in(message))
        return session in self._hidden

    def _came(self, session: bytes, attached: dict[str, Any]) -> bool:
        child, info = attached["sessionId"].encode(), attached["targetInfo"]
        if session not in self._hidden and info["type"] in _PARTS and not is_inner(info["url"]):
            self.places[child] = place_of(info, self.places.get(session))
            return False
        log.warning("gateway.target_refused", type=info["type"])
        self._hidden.add(child)
        self._detach(session, child)
        return True

    def _went(self, child: bytes) -> bool:
        self.places.pop(child, None)
        self._attaching = {asked for asked in self._attaching if asked[0] != child}
        if child not in self._hidden:
            return False
        self._hidden.discard(child)
        return True

    def _detach(self, session: bytes, child: bytes) -> None:
        """Once we are off it, it waits for nobody."""
        call = Call(id=OUR_ID, method="Target.detachFromTarget")
        self._send(written(call, session, {"sessionId": child.decode()}))


def _refusal(session: bytes, call_id: int) -> bytes:
    error = msgspec.json.encode({"code": CDP_SERVER_ERROR, "message": _NO_PAGE})
    return b'{"id":%d,"error":%b,"sessionId":"%b"}' % (call_id, error, session)


def _params(message: bytes) -> dict[str, Any]:
    params: dict[str, Any] = frames.decode(_message, message)["params"]
    return params


def _session_in(message: bytes) -> bytes:
    session: str = _params(message)["sessionId"]
    return session.encode()

"""A client's calls that are told, from when they are made until they are answered, or never will be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.events.connection import CommandError, ConnectionCommand
from schemas.runtime_config import Record
from worker.cdp import frames
from worker.fact import Fact
from worker.gateway.commands import Summary, is_told, summary
from worker.gateway.policy import Call

ANSWER = b'{"id":'
_ERROR = b',"error":'
# A client may call without end what is never answered. What is kept of that is bounded; events are cut far below it.
MOST_WAITING = 10_000
KEPT_CHARS = (
    64 * 1024
)  # bytes of parameters as they are; characters of a text in what they are told as
_TOO_MANY = CommandError(
    message="Too many calls waited for an answer; this one was not waited for."
)
_LEFT = CommandError(message="The connection ended before it was answered.")
_DETACHED = CommandError(message="Its target went away before it was answered.")


class Place(Struct, frozen=True):
    """Where a session leads: a target, and the page and the context that it is part of."""

    target_id: str
    page_id: str | UnsetType = UNSET
    context_id: str | UnsetType = UNSET


def place_of(info: dict[str, Any], parent: Place | None) -> Place:
    """A frame or a worker is part of the page whose session announced it."""
    is_page = info["type"] == "page"
    return Place(
        target_id=info["targetId"],
        page_id=info["targetId"] if is_page else parent.page_id if parent else UNSET,
        context_id=info.get("browserContextId") or UNSET,
    )


_NOWHERE = Place(target_id="")


class _Failure(Struct):
    code: int | UnsetType = UNSET
    message: str = ""


class _Failed(Struct):
    error: _Failure | None = None


class _Made(Struct, frozen=True):
    """A call on its way, and when it was made. What it is told as is worked out once it is answered, if it is short."""

    method: str
    params: Raw | Summary
    place: Place | None
    since: float


class _Answered(Struct, frozen=True):
    """What became of it."""

    made: _Made
    status: str
    error: CommandError | UnsetType
    duration_ms: int


_failed = msgspec.json.Decoder(_Failed)


class Pending:
    """Waits for the answers to what is told. Key of a call: its session and its id there."""

    def __init__(
        self,
        record: Callable[[Fact], object],
        told: Record,
        *,
        connection_id: str,
        attachment_id: str | UnsetType,
    ) -> None:
        self._record = record
        self._told = told
        self._connection_id = connection_id
        self._attachment_id = attachment_id
        self._made: dict[tuple[bytes, int], _Made] = {}
        self._answered: list[_Answered] = []

    def add(self, session: bytes, call: Call, place: Place | None, *, always: bool = False) -> None:
        """A client makes a call; one that nobody wants to know of is forgotten at once, unless it is told `always`."""
        if not always and not is_told(call.method, self._told):
            return
        if len(self._made) >= MOST_WAITING:
            self._tell_soon(self._made.pop(next(iter(self._made))), "stopped", _TOO_MANY)
        params = self._kept(call.params)
        self._made[session, call.id] = _Made(call.method, params, place, time.monotonic())

    def _kept(self, params: Raw) -> Raw | Summary:
        if memoryview(params).nbytes <= KEPT_CHARS:
            return params
        told = summary(params, self._told)
        return {
            name: each[:KEPT_CHARS] if isinstance(each, str) else each
            for name, each in told.items()
        }

    def settle(self, session: bytes, message: bytes) -> None:
        """An answer of Chromium's, as it writes them: the id first, and then the result or the error."""
        if not self._made:
            return
        made = self._made.pop((session, frames.answered_id(message)), None)
        if made is None:
            return
        if message.startswith(_ERROR, message.index(b",")):
            self._tell_soon(made, "failed", _error_in(message))
        else:
            self._tell_soon(made, "finished")

    def answered_here(
        self, session: bytes, call_id: int, error: CommandError | UnsetType = UNSET
    ) -> None:
        """A call that never went to the browser."""
        made = self._made.pop((session, call_id), None)
        if made is not None:
            self._tell_soon(made, "failed" if error else "finished", error)

    def leave(self, session: bytes) -> None:
        """That session is over, and what was asked there is not answered any more."""
        for key in [key for key in self._made if key[0] == session]:
            self._tell_soon(self._made.pop(key), "stopped", _DETACHED)

    def end(self) -> None:
        """The client is gone, or the browser: all is told."""
        made, self._made = self._made, {}
        for each in made.values():
            self._tell_soon(each, "stopped", _LEFT)
        self._tell_all()

    def _tell_soon(self, made: _Made, status: str, error: CommandError | UnsetType = UNSET) -> None:
        """In the next turn of the loop: what was sent in this one, the answer too, goes at its end."""
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._tell_all)
        duration_ms = round((time.monotonic() - made.since) * 1000)
        self._answered.append(_Answered(made, status, error, duration_ms))

    def _tell_all(self) -> None:
        answered, self._answered = self._answered, []
        for each in answered:
            self._record(self._fact(each))

    def _fact(self, answered: _Answered) -> Fact:
        made, place = answered.made, answered.made.place or _NOWHERE
        told = summary(made.params, self._told) if isinstance(made.params, Raw) else made.params
        command = ConnectionCommand(
            method=made.method,
            params=told or UNSET,
            target_id=place.target_id or UNSET,
            error=answered.error,
            attachment_id=self._attachment_id,
        )
        return Fact(
            data=command,
            status=answered.status,
            page_id=place.page_id,
            context_id=place.context_id,
            connection_id=self._connection_id,
            duration_ms=answered.duration_ms,
        )


def _error_in(message: bytes) -> CommandError:
    failure: Any = frames.decode(_failed, message).error or _Failure()
    return CommandError(message=failure.message, code=failure.code)

"""A tap without a browser: it is told messages, recorded or made up, and what it makes of them is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from schemas.events import type_of
from worker.cdp import frames
from worker.cdp.switchboard import Owner, Switchboard
from worker.fact import Fact
from worker.tap import Tap
from worker.translate import TRANSLATORS

# Of every fact, what says whether it is the right one.
SHOWN = (
    "phase", "url", "title", "requestId", "method", "httpStatus", "errorText", "level", "text",
    "message", "inPromise", "milestone", "worker", "openerId", "mainFrame", "redirect", "guid",
    "suggestedFilename", "accepted", "answeredBy", "dialogType", "reason",
    "wireStatus", "corsError", "fromMemoryCache", "decodedBytes", "postDataBytes", "receivedBytes",
    "withTarget", "messagesSent", "bytesReceived", "reconstructed",
)  # fmt: skip


def heard_by_the_tap(message: bytes) -> bool:
    """Whether a message is one that the tap may do something with."""
    method = (frames.method_of(message) or b"").decode()
    return method in TRANSLATORS


BROWSER, PAGE, OTHER, SPARE = (letter.encode() * 32 for letter in "BACD")


def event(session: bytes, method: str, **params: Any) -> bytes:
    """An event on a session."""
    return msgspec.json.encode({"method": method, "params": params, "sessionId": session.decode()})


def attached(
    session: bytes = PAGE,
    target: str = "P1",
    kind: str = "page",
    url: str = "about:blank",
    parent: bytes = BROWSER,
    **info: Any,
) -> bytes:
    """A new session to a target, waiting to be let go."""
    return event(
        parent,
        "Target.attachedToTarget",
        sessionId=session.decode(),
        waitingForDebugger=True,
        targetInfo={"targetId": target, "type": kind, "title": "", "url": url} | info,
    )


def says(session: bytes, text: str) -> bytes:
    """A line on its console."""
    argument = {"type": "string", "value": text}
    return event(session, "Runtime.consoleAPICalled", type="log", args=[argument])


class Line(Switchboard):
    """Notes what the tap sends."""

    def __init__(self, session: bytes) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []
        self._session = session

    def send(self, message: bytes) -> None:
        self.sent.append(msgspec.json.decode(message))

    async def attach(self, owner: Owner) -> bytes:
        return self._session


class Bench:
    """A tap, what it recorded, and what it sent."""

    def __init__(self, session: bytes, *, answerable: bool = False) -> None:
        self.facts: list[Fact] = []
        self.answerable = answerable
        self.session = session
        self.line = Line(session)
        self.later: list[Callable[[], None]] = []
        self.tap = Tap(
            self.line,
            self.facts.append,
            downloads=Path("/downloads"),
            answerable=lambda _target: self.answerable,
            later=lambda _seconds, do: self.later.append(do),
        )
        self.tap.listen_on(session)

    def hear(self, *messages: bytes) -> None:
        """Messages of the browser's, in their order."""
        for message in messages:
            session = frames.session_of(message)
            assert session is not None
            self.tap.receive(session, message)

    def sent(self, method: str) -> list[dict[str, Any]]:
        """What it sent of one method."""
        return [message for message in self.line.sent if message["method"] == method]


def replay(messages: Iterable[bytes]) -> tuple[list[str], Bench]:
    """What a tap makes of recorded messages, a line a fact; the first of them is to the browser session."""
    heard = list(messages)
    session = frames.session_of(heard[0])
    assert session is not None
    bench = Bench(session)
    bench.hear(*heard)
    bench.tap.end()
    return [shown(fact) for fact in bench.facts], bench


def shown(fact: Fact) -> str:
    """A fact as one line: type, status, page, and what says whether it is the right one."""
    body = msgspec.to_builtins(fact.data)
    said = {name: body[name] for name in SHOWN if name in body}
    page = (fact.page_id or "-")[:4]
    return f"{type_of(fact.data).name} {fact.status or '-'} {page} {msgspec.json.encode(said).decode()}"

"""A link to a JetStream that does what a test says: answers, refuses, keeps silent, is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from tests.support.worker_events import text_in
from worker.publisher import LinkDown, Lost, Take

Answer = Callable[["ScriptedLink", str, str], bytes | None]


class ScriptedLink:
    """A `publisher.Link` and the stream behind it, which tells copies by their id as JetStream does.

    `script` says what becomes of an event: the answer's body, or None for none.
    """

    def __init__(self, script: Answer | None = None) -> None:
        self.stream: list[str] = []  # texts, in the order in which they were stored
        self.sent: list[str] = []  # texts, in the order in which they came, copies too
        self.in_flight: list[tuple[str, str]] = []  # sent and not answered: token, text
        self.away = False
        self.script = script or store
        self._positions: dict[str, int] = {}
        self._take: Callable[[str, bytes], None] = lambda _token, _body: None
        self.came = asyncio.Event()

    async def open(self, take: Take, lost: Lost) -> None:
        if self.away:
            raise LinkDown("NATS is away")
        self._take = take
        self.lose = lost

    async def close(self) -> None:
        """What is in flight may still be answered, later than anyone listens."""

    def publish(self, subject: str, event_id: str, event: bytes, token: str) -> None:
        assert subject.startswith("runs.")
        if self.away:
            raise LinkDown("NATS is away")
        text = text_in(event)
        self.sent.append(text)
        self.came.set()
        answer = self.script(self, event_id, text)
        if answer is None:
            self.in_flight.append((token, text))
        else:
            asyncio.get_running_loop().call_soon(self._take, token, answer)

    def keep(self, event_id: str, text: str) -> bytes:
        """Store an event once; the acknowledgement."""
        if event_id not in self._positions:
            self.stream.append(text)
            self._positions[event_id] = len(self.stream)
        return msgspec.json.encode({"stream": "RUNS", "seq": self._positions[event_id]})

    def answer(self, token: str, body: bytes) -> None:
        """An answer at a time of the test's choosing."""
        self._take(token, body)


def store(link: ScriptedLink, event_id: str, text: str) -> bytes | None:
    """All is well."""
    return link.keep(event_id, text)


def refusal(description: str) -> bytes:
    """JetStream's error instead of an acknowledgement."""
    return msgspec.json.encode({"error": {"code": 503, "description": description}})

"""A link to a JetStream that does what a test says: answers, refuses, keeps silent, is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from tests.support.worker_events import text_in
from worker.publisher import LinkDown, Lost, Message, Take

Answer = Callable[["ScriptedLink", str, str], bytes | None]


class ScriptedLink:
    """A `publisher.Link` and the stream behind it, which tells copies by their id as JetStream does.

    `script` says what becomes of an event: the answer's body, or None for none. Several events are an atomic batch: one
    that is not stored keeps all the others out.
    """

    def __init__(self, script: Answer | None = None) -> None:
        self.stream: list[str] = []  # texts, in the order in which they were stored
        self.sent: list[str] = []  # texts, in the order in which they came, copies too
        self.loads: list[int] = []  # how many events each load had
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

    largest_bytes = 1024 * 1024

    async def close(self) -> None:
        """What is in flight may still be answered, later than anyone listens."""

    def publish(self, messages: Sequence[Message], token: str) -> None:
        assert all(message.subject.startswith("runs.") for message in messages)
        if self.away:
            raise LinkDown("NATS is away")
        texts = [text_in(message.event) for message in messages]
        self.sent += texts
        self.loads.append(len(texts))
        self.came.set()
        answer = self._answer(messages) if len(messages) == 1 else self._answer_batch(messages)
        if answer is None:
            self.in_flight.append((token, texts[0]))
        else:
            asyncio.get_running_loop().call_soon(self._take, token, answer)

    def _answer(self, messages: Sequence[Message]) -> bytes | None:
        return self.script(self, messages[0].event_id, text_in(messages[0].event))

    def _answer_batch(self, messages: Sequence[Message]) -> bytes | None:
        if any(message.event_id in self._positions for message in messages):
            return refusal("batch publish contains duplicate message id")
        stream, positions = [*self.stream], {**self._positions}
        for message in messages:
            answer = self._answer([message])
            stored = message.event_id in self._positions
            if not stored:
                self.stream[:], self._positions = stream, positions
                return answer
            if answer is None:
                for each in messages:
                    self.keep(each.event_id, text_in(each.event))
                return None
        ack = {"stream": "RUNS", "seq": len(self.stream), "batch": "b", "count": len(messages)}
        return msgspec.json.encode(ack)

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

"""Outbox to stream: each run in order and the runs by turns, pipelined, with deadlines of its own.

nats-py's `publish_async` never gives up on an acknowledgement, so the pipeline is ours: at most `WINDOW` events are in
flight; when one is refused or late, the flight is called off and everything goes again from each run's oldest event
that is not acknowledged. What the stream had already is recognised there by its `Nats-Msg-Id` and keeps its place.

A flight begins with one event of each run at a time, until the stream has taken one; after a refusal, until it has
taken a window of them. So what is refused again and again (a full stream, none at all) is not overtaken.

An event goes out in the very call that puts it in the outbox, when there is room for it and no burst to gather
(`worker.pace`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct

from worker.outbox import Entry, Outbox
from worker.pace import Pace

log = structlog.get_logger(__name__)

WINDOW = 256
WINDOW_BYTES = 16 * 1024 * 1024
DEADLINE_SECONDS = 5.0
PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


class Refusal(Struct):
    """JetStream's reason for not storing an event."""

    code: int = 0
    description: str = ""


class PublishAck(Struct):
    """JetStream's answer to a publish."""

    seq: int = 0
    error: Refusal | None = None


_ack = msgspec.json.Decoder(PublishAck)


Take = Callable[[str, bytes], None]
Lost = Callable[[str], None]


class Link(Protocol):
    """What the publisher needs of NATS."""

    async def open(self, take: Take, lost: Lost) -> None:
        """Connect. `take(token, body)` gets every acknowledgement; `lost(why)` is called when the connection breaks.

        Raises LinkDown.
        """

    def publish(self, subject: str, event_id: str, event: bytes, token: str) -> None:
        """Send one event, to be answered under the token. Raises LinkDown."""

    async def close(self) -> None:
        """Give the connection up, with whatever it has not sent."""


class LinkDown(Exception):
    """There is no connection to NATS at the moment."""


class FlightLost(Exception):
    """An event was refused or not acknowledged in time."""


class Flight(Struct, eq=False):
    """An event that was sent and is not acknowledged; `since` is this process's monotonic clock, in seconds."""

    entry: Entry
    since: float


class Publisher:
    """Moves the outbox into the stream, for as long as it runs."""

    def __init__(
        self, link: Link, outbox: Outbox, *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._link = link
        self._outbox = outbox
        self._deadline_seconds = deadline_seconds
        self._flying: dict[str, Flight] = {}
        self._flying_bytes = 0
        self._last_token = 0
        self._doubts = 1  # so many acknowledgements until the window opens
        self._failure: FlightLost | None = None
        self._lost = asyncio.Event()
        self._pace = Pace()
        self._gathering: asyncio.TimerHandle | None = None
        self._trouble = ""

    async def run(self) -> None:
        """Publish until cancelled; trouble is told when it begins and when it is over, and tried again."""
        pause = PAUSE_SECONDS
        while True:
            try:
                await self._fly()
            except (FlightLost, LinkDown) as trouble:
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS) if self._trouble else PAUSE_SECONDS
                self._tell(str(trouble))
                await asyncio.sleep(pause)

    async def _fly(self) -> None:
        """Send what waits and what comes, for as long as all goes well; raises FlightLost, LinkDown.

        A flight has a connection of its own: what an old one still held back would come after what was sent since.
        """
        self._flying.clear()
        self._flying_bytes = 0
        self._failure = None
        self._lost.clear()
        self._doubts = max(self._doubts, 1)
        self._outbox.turns.restart(one_at_a_time=True)
        try:
            await self._link.open(self._take, self._lose)
            self._outbox.on_put = self._on_put
            self._outbox.on_awaited = self._send
            self._send()
            await self._trouble_comes()
        finally:
            self._outbox.on_put = self._outbox.on_awaited = _wait
            self._gather_no_more()
            await self._link.close()

    def _lose(self, why: str) -> None:
        """Nothing that flies will be answered any more."""
        self._failure = FlightLost(why)
        self._lost.set()

    def _on_put(self) -> None:
        """Send what is new, now or together with what comes next."""
        unsent = len(self._outbox) - len(self._flying)
        hold_seconds = self._pace.hold_seconds(unsent, time.monotonic())
        if not hold_seconds:
            self._send()
        elif self._gathering is None:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(hold_seconds, self._send)

    def _gather_no_more(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None

    def _send(self) -> None:
        """Put entries in flight, each run in its turn, until the window is full or all are sent."""
        self._gather_no_more()
        sent = 0
        while self._has_room() and (entry := self._outbox.turns.next()) is not None:
            self._publish(entry)
            sent += 1
        self._pace.spend(sent, time.monotonic())

    def _has_room(self) -> bool:
        return (
            self._failure is None
            and len(self._flying) < WINDOW
            and self._flying_bytes < WINDOW_BYTES
        )

    def _publish(self, entry: Entry) -> None:
        self._last_token += 1
        token = str(self._last_token)
        self._flying[token] = Flight(entry, time.monotonic())
        self._flying_bytes += entry.size_bytes
        try:
            subject, event = self._outbox.read(entry)
            self._link.publish(subject, entry.event_id, event, token)
        except (LinkDown, OSError) as error:  # whoever put an event must not hear of it
            self._lose(str(error))

    async def _trouble_comes(self) -> None:
        """Wait until the flight is lost or its oldest event is late, and raise FlightLost then."""
        while self._failure is None:
            patience = self._patience()
            if patience <= 0:
                raise FlightLost("JetStream does not acknowledge")
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._lost.wait()
        raise self._failure

    def _patience(self) -> float:
        """How many seconds the oldest flight may still take; one that is not sent yet has all of them."""
        for flight in self._flying.values():
            return flight.since + self._deadline_seconds - time.monotonic()
        return self._deadline_seconds

    def _take(self, token: str, body: bytes) -> None:
        """An answer of JetStream's; one to a flight that was called off says nothing new."""
        flight = self._flying.pop(token, None)
        if flight is None:
            return
        self._flying_bytes -= flight.entry.size_bytes
        position = self._position(body)
        if position is None:
            return
        self._outbox.acknowledge(flight.entry, position)
        self._tell("")
        self._trust()
        if self._gathering is None:
            self._send()

    def _trust(self) -> None:
        """The stream took one more."""
        if self._doubts:
            self._doubts -= 1
            if not self._doubts:
                self._outbox.turns.many_at_a_time()

    def _position(self, body: bytes) -> int | None:
        try:
            ack = _ack.decode(body)
        except msgspec.MsgspecError:
            self._lose("no stream answers: a recorder makes it when it starts")
            return None
        if ack.error is not None:
            self._doubts = WINDOW
            self._lose(f"JetStream refused an event: {ack.error.description}")
            return None
        if not ack.seq:
            self._lose("JetStream acknowledged an event without its position")
            return None
        return ack.seq

    def _tell(self, trouble: str) -> None:
        """Say what is wrong when it begins, changes or ends; not each time it is tried again."""
        if trouble == self._trouble:
            return
        if trouble:
            log.warning("publisher.held_up", reason=trouble, waiting=len(self._outbox))
        else:
            log.info("publisher.caught_up")
        self._trouble = trouble


def _wait() -> None:
    """There is no flight: what is put waits for the next."""

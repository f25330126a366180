"""Outbox to stream: each run in order and the runs by turns, one load at a time, with deadlines of its own.

nats-py's `publish_async` never gives up on an acknowledgement, so this is ours. What waits goes as one load: a single
message when it is one event, else an atomic batch, which JetStream stores as a whole or not at all. The next load
leaves when the last is acknowledged, so nothing is overtaken, whatever is refused. A load that is refused or late goes
again event by event: what the stream had already is recognised there by its `Nats-Msg-Id` and keeps its place, which
JetStream does for single messages only.

What JetStream would refuse for ever, because of the event itself, is set aside in a file of its own, so that it does
not hold up the others. Any other refusal (the stream is full or sealed, its leader is away, this user may not write
there) says nothing of the event: everything waits.

An event goes out in the very call that puts it in the outbox, when nothing is on its way and there is no burst to
gather (`worker.pace`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

import msgspec
import structlog
from msgspec import Struct

from worker.outbox import Entry, Outbox
from worker.pace import Pace

log = structlog.get_logger(__name__)

LOAD_EVENTS = 256  # JetStream takes 1,000 at most
LOAD_BYTES = 4 * 1024 * 1024
DEADLINE_SECONDS = 5.0
PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


# "message size exceeds maximum allowed" (the stream's max_msg_size), and the same of the headers.
OF_THE_EVENT = frozenset({10054, 10097})
TOO_LARGE_FOR_SERVER = ("max_payload", "it is larger than this NATS server takes")


class Refusal(Struct):
    """JetStream's reason for not storing an event; `err_code` is its own number for it."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class PublishAck(Struct):
    """JetStream's answer to a load: the position of its last event, and how many they are when it was a batch."""

    seq: int = 0
    count: int = 1
    error: Refusal | None = None


_ack = msgspec.json.Decoder(PublishAck)


class Message(NamedTuple):
    """An event as the stream takes it."""

    subject: str
    event_id: str
    event: bytes


Take = Callable[[str, bytes], None]
Lost = Callable[[str], None]


class Link(Protocol):
    """What the publisher needs of NATS."""

    async def open(self, take: Take, lost: Lost) -> None:
        """Connect. `take(token, body)` gets every acknowledgement; `lost(why)` is called when the connection breaks.

        Raises LinkDown.
        """

    def publish(self, messages: Sequence[Message], token: str) -> None:
        """Send one message, or several as an atomic batch, to be answered once, under the token. Raises LinkDown."""

    @property
    def largest_bytes(self) -> int:
        """The longest event with its subject that the server surely takes; a longer one would cost the connection."""

    async def close(self) -> None:
        """Give the connection up, with whatever it has not sent."""


class LinkDown(Exception):
    """There is no connection to NATS at the moment."""


class LoadLost(Exception):
    """A load was refused or not acknowledged in time."""


class Load(Struct, eq=False):
    """Events on their way; `since` is this process's monotonic clock, in seconds."""

    token: str
    entries: Sequence[Entry]
    since: float


class Publisher:
    """Moves the outbox into the stream, for as long as it runs."""

    def __init__(
        self, link: Link, outbox: Outbox, *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._link = link
        self._outbox = outbox
        self._deadline_seconds = deadline_seconds
        self._load: Load | None = None
        self._again: deque[Entry] = deque()  # of a load that was lost; the stream may have them
        self._last_token = 0
        self._failure: LoadLost | None = None
        self._lost = asyncio.Event()
        self._pace = Pace()
        self._gathering: asyncio.TimerHandle | None = None
        self._hurried = False
        self._trouble = ""

    async def run(self) -> None:
        """Publish until cancelled; trouble is told when it begins and when it is over, and tried again."""
        pause = PAUSE_SECONDS
        while True:
            try:
                await self._publish()
            except (LoadLost, LinkDown) as trouble:
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS) if self._trouble else PAUSE_SECONDS
                self._tell(str(trouble))
                await asyncio.sleep(pause)

    async def _publish(self) -> None:
        """Send what waits and what comes, for as long as all goes well; raises LoadLost, LinkDown.

        Each time over a connection of its own: what an old one still held back would come after what was sent since.
        """
        self._failure = None
        self._lost.clear()
        try:
            await self._link.open(self._take, self._lose)
            self._outbox.on_put = self._send_or_gather
            self._outbox.on_awaited = self._hurry
            self._send()
            await self._trouble_comes()
        finally:
            self._outbox.on_put = self._outbox.on_awaited = _wait
            self._gather_no_more()
            self._call_off()
            await self._link.close()

    # what leaves, and when

    def _send_or_gather(self) -> None:
        """Send what is new, now or together with what comes next."""
        if self._load is not None:
            return
        hold_seconds = self._pace.hold_seconds(len(self._outbox), time.monotonic())
        if not hold_seconds or self._hurried or self._again:
            self._send()
        elif self._gathering is None:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(hold_seconds, self._send)

    def _hurry(self) -> None:
        """Somebody waits for an event: nothing is gathered until all are sent."""
        self._hurried = True
        self._send()

    def _gather_no_more(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None

    def _send(self) -> None:
        """Put the next load on its way, if there is something and nothing else is."""
        if self._load is not None or self._failure is not None:
            return
        self._gather_no_more()
        try:
            entries = self._next()
        except (LinkDown, OSError) as error:  # whoever put an event must not hear of it
            self._lose(str(error))
            return
        self._hurried = self._hurried and bool(entries)
        if not entries:
            return
        now = time.monotonic()
        self._last_token += 1
        self._load = Load(str(self._last_token), entries, now)
        self._pace.spend(len(entries), now)
        try:
            self._link.publish([self._message(entry) for entry in entries], self._load.token)
        except (LinkDown, OSError) as error:  # nor of this
            self._lose(str(error))

    def _next(self) -> list[Entry]:
        """What goes next: one of those that go again, else each run in its turn until the load is full.

        Raises LinkDown, OSError.
        """
        largest_bytes = self._link.largest_bytes
        while self._again and self._again[0].size_bytes > largest_bytes:
            self._set_aside(self._again[0], *TOO_LARGE_FOR_SERVER)
            self._again.popleft()
        if self._again:
            return [self._again[0]]
        entries: list[Entry] = []
        size_bytes = 0
        while len(entries) < LOAD_EVENTS and size_bytes < LOAD_BYTES:
            entry = self._outbox.turns.next()
            if entry is None:
                break
            if entry.size_bytes > largest_bytes:
                self._again.append(entry)  # alone, so that it is not forgotten if that fails
                self._again.extendleft(reversed(entries))
                return self._next()
            entries.append(entry)
            size_bytes += entry.size_bytes
        return entries

    def _set_aside(self, entry: Entry, code: str, reason: str) -> None:
        """Out of the way of all others. Raises OSError."""
        kept_in = self._outbox.set_aside(entry)
        log.error(
            "publisher.set_aside",
            code=code,
            reason=reason,
            event_id=entry.event_id,
            size_bytes=entry.size_bytes,
            kept_in=str(kept_in),
        )

    def _message(self, entry: Entry) -> Message:
        subject, event = self._outbox.read(entry)
        return Message(subject, entry.event_id, event)

    # what becomes of it

    def _take(self, token: str, body: bytes) -> None:
        """An answer of JetStream's; one to a load that was called off says nothing new."""
        load = self._load
        if load is None or load.token != token:
            return
        try:
            ack = _ack.decode(body)
        except msgspec.MsgspecError:
            self._lose("no stream answers: a recorder makes it when it starts")
            return
        if ack.error is not None:
            self._refused(load, ack.error)
        elif not ack.seq or ack.count != len(load.entries):
            self._lose("JetStream acknowledged something else than was sent")
        else:
            self._stored(load, ack.seq)

    def _stored(self, load: Load, last: int) -> None:
        """The stream has them, the last at that position."""
        first = last - len(load.entries) + 1
        for position, entry in enumerate(load.entries, first):
            self._outbox.acknowledge(entry, position)
        self._tell("")
        self._go_on()

    def _refused(self, load: Load, refusal: Refusal) -> None:
        """Of a batch nobody knows which event it was: each goes again alone."""
        try:
            if len(load.entries) > 1 or refusal.err_code not in OF_THE_EVENT:
                raise LoadLost(f"JetStream refused an event: {refusal.description}")
            self._set_aside(load.entries[0], str(refusal.err_code), refusal.description)
        except (LoadLost, OSError) as error:
            self._lose(str(error))
        else:
            self._go_on()

    def _go_on(self) -> None:
        """A load is done with."""
        self._load = None
        if self._again:
            self._again.popleft()
        self._send_or_gather()

    def _lose(self, why: str) -> None:
        """What is on its way will not be answered any more."""
        self._failure = LoadLost(why)
        self._lost.set()

    def _call_off(self) -> None:
        """What was on its way goes again, one by one, before all else."""
        load, self._load = self._load, None
        if load is not None and not self._again:
            self._again.extend(load.entries)

    async def _trouble_comes(self) -> None:
        """Wait until a load is lost or late, and raise LoadLost then."""
        while self._failure is None:
            patience = self._patience()
            if patience <= 0:
                raise LoadLost("JetStream does not acknowledge")
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._lost.wait()
        raise self._failure

    def _patience(self) -> float:
        """How many seconds the load may still take; one that is not sent yet has all of them."""
        if self._load is None:
            return self._deadline_seconds
        return self._load.since + self._deadline_seconds - time.monotonic()

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
    """Nothing is sent at the moment: what is put waits."""

"""One stream's messages, in order, into the projector. SQLite is the authority on how far we are.

A durable pull consumer, placed at checkpoint + 1 whenever a session begins. A session ends when
anything may have been lost (reconnect, silence, a gap in the consumer's numbering); then another one
begins.
Messages are acknowledged after their commit, so that `nats consumer report` shows the true lag.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, Literal

import structlog

from recorder.bus import Bus, Delivery, Notice, StreamUnreachable
from recorder.checkpoint import SENTENCES, Checkpoint, Verdict, judge
from recorder.entries import Message
from recorder.news import News
from recorder.projector import Projector
from recorder.store import Store

log = structlog.get_logger()

BATCH = 1000  # messages that one transaction takes at most
AHEAD = 2 * BATCH  # so that the next batch comes in while one is being written
EXPIRES_SECONDS = 30.0
HEARTBEAT_SECONDS = 5.0
SILENCE_SECONDS = 2.5 * HEARTBEAT_SECONDS
PAUSE_SECONDS = 1.0
HEARTBEAT = 100  # the status of a server's heartbeat

State = Literal["starting", "following", "reconnecting", "rolled_back", "made_anew"]


class PullLost(Exception):
    """Messages may be missing from this pull; the next session asks for them again."""


class Pull:
    """What one session has been sent and not yet taken, and how much more may come.

    Decides; `Consumer` does the sending. `room` is how many messages to ask for now: nothing until
    half a batch has been taken, and never more than fits beside what waits here.
    """

    def __init__(self, ahead: int = AHEAD, batch: int = BATCH) -> None:
        self._ahead = ahead
        self._batch = batch
        self._arrived: deque[Delivery] = deque()
        self._under_way = 0
        self._number = 0
        self._lost: str | None = None
        self.idle = False  # the server's last word was that there is nothing to send
        self.stirred = asyncio.Event()

    def arrive(self, arrival: Delivery | Notice) -> None:
        """Take in what the server sent; stirs when there is something to do."""
        self.idle = isinstance(arrival, Notice) and arrival.status == HEARTBEAT
        if isinstance(arrival, Delivery):
            self._deliver(arrival)
        elif not self.idle:
            self._note(arrival)
        if self.idle or self.room or not self._gathers:
            self.stirred.set()

    def lose(self, reason: str) -> None:
        """Give this pull up."""
        self._lost = self._lost or reason
        self.stirred.set()

    def asked(self, count: int) -> None:
        """Messages were asked for."""
        self._under_way += count

    @property
    def room(self) -> int:
        """How many messages to ask for now."""
        expected = self._under_way + len(self._arrived)
        return self._ahead - expected if expected <= self._ahead - self._batch // 2 else 0

    def take(self) -> list[Delivery]:
        """All that has come, at most a batch; of a backlog at least half of one.

        Raises PullLost, once nothing good is left to take.
        """
        if self._gathers:
            return []
        count = min(len(self._arrived), self._batch)
        if not count and self._lost:
            raise PullLost(self._lost)
        return [self._arrived.popleft() for _ in range(count)]

    @property
    def _gathers(self) -> bool:
        """Whether more is on its way that is worth waiting for: a transaction has a price of its own."""
        return (
            self._lost is None
            and self._under_way > 0
            and 0 < len(self._arrived) < self._batch // 2
            and self._arrived[-1].pending > 0
        )

    def _deliver(self, delivery: Delivery) -> None:
        self._under_way -= 1
        self._number += 1
        if self._lost is None and delivery.number != self._number:
            self.lose(f"delivery {self._number} is missing")
        if self._lost is None:
            self._arrived.append(delivery)

    def _note(self, notice: Notice) -> None:
        if notice.undelivered is None:
            self.lose(f"{notice.status} {notice.text}")
        else:
            self._under_way -= notice.undelivered


class _Batches:
    """Two at most: one that SQLite writes, and one that is read in the meantime."""

    def __init__(self) -> None:
        self._newest: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> bool:
        """Whether one is being read or written."""
        return self._newest is not None

    async def begin(self, applying: Coroutine[Any, Any, None]) -> None:
        """Begin with a batch, then wait for the one before. Raises what that one raised."""
        before, self._newest = self._newest, asyncio.create_task(applying)
        if before is not None:
            await asyncio.wait((before,))
            before.result()

    async def finish(self) -> None:
        """Wait for the newest. Raises what it raised."""
        if self._newest is not None:
            await asyncio.wait((self._newest,))
            newest, self._newest = self._newest, None
            newest.result()

    async def __aenter__(self) -> _Batches:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Whatever went wrong, the next session reads a checkpoint that nobody is moving."""
        if self._newest is not None:
            await asyncio.wait((self._newest,))
            self._newest.exception()  # it failed with the one before it, which has been told


class Consumer:
    """Follows one stream for as long as it runs. `state`, `lag` and `failing_seconds` are for people
    and readiness.
    """

    def __init__(
        self, bus: Bus, store: Store, projector: Projector, news: News, *, stream: str, durable: str
    ) -> None:
        self._bus = bus
        self._store = store
        self._projector = projector
        self._news = news
        self._durable = durable
        self.stream = stream
        self.state: State = "starting"
        self.lag: int | None = None
        self._failing_since: float | None = None

    @property
    def failing_seconds(self) -> float:
        """For how long sessions have ended, one after another, with no message applied."""
        return 0.0 if self._failing_since is None else time.monotonic() - self._failing_since

    async def run(self) -> None:
        """Session after session, until cancelled."""
        while True:
            try:
                await self._session()
            except (PullLost, StreamUnreachable) as error:
                log.warning("consumer.interrupted", stream=self.stream, reason=str(error))
            except (
                Exception
            ):  # a batch that cannot be applied: nothing is skipped, it is tried again
                log.exception("consumer.failed", stream=self.stream)
            if self.state == "following":
                self.state = "reconnecting"
            if self._failing_since is None:
                self._failing_since = time.monotonic()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _session(self) -> None:
        checkpoint = await self._store.find_checkpoint(self.stream)
        position = checkpoint.position if checkpoint else 0
        if checkpoint is not None:
            self._news.announce(self.stream, checkpoint.epoch, position)
        facts = await self._bus.stream_facts(self.stream, position)
        verdict = judge(checkpoint, facts)
        self._tell(verdict, checkpoint)
        if not verdict.may_consume:
            await asyncio.Event().wait()  # an operator decides, and starts the recorder anew
        self._news.announce(self.stream, facts.epoch, position)
        self.lag = max(0, facts.last - position)
        await self._bus.place_consumer(self.stream, self._durable, position + 1)
        await self._follow(facts.epoch)

    async def _follow(self, epoch: int) -> None:
        pull = Pull()
        inbox = self._bus.inbox(pull.arrive, lambda: pull.lose("reconnected"))
        async with _Batches() as batches, inbox as subject:
            while True:
                pull.stirred.clear()
                await self._refill(pull, subject)
                self.state = "following"
                if deliveries := pull.take():
                    await batches.begin(self._apply(deliveries, epoch))
                elif batches.under_way:
                    await batches.finish()
                else:
                    await self._wait(pull)

    async def _refill(self, pull: Pull, inbox: str) -> None:
        if not (room := pull.room):
            return
        await self._bus.ask_for_messages(
            self.stream,
            self._durable,
            inbox,
            batch=room,
            expires_seconds=EXPIRES_SECONDS,
            heartbeat_seconds=HEARTBEAT_SECONDS,
        )
        pull.asked(room)

    async def _apply(self, deliveries: list[Delivery], epoch: int) -> None:
        await self._projector.apply([self._message(delivery, epoch) for delivery in deliveries])
        self.lag = deliveries[-1].pending
        self._failing_since = None
        await self._bus.acknowledge(deliveries[-1])

    async def _wait(self, pull: Pull) -> None:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await pull.stirred.wait()
        except TimeoutError:
            log.warning("consumer.stalled", stream=self.stream, seconds=SILENCE_SECONDS)
            raise PullLost("neither message nor heartbeat came") from None
        if pull.idle:
            self._failing_since = None

    def _message(self, delivery: Delivery, epoch: int) -> Message:
        return Message(
            stream=self.stream,
            epoch=epoch,
            position=delivery.position,
            subject=delivery.subject,
            body=delivery.body,
            message_id=delivery.message_id,
        )

    def _tell(self, verdict: Verdict, checkpoint: Checkpoint | None) -> None:
        if verdict is Verdict.RESUME or checkpoint is None:
            return
        say = log.warning if verdict.may_consume else log.error
        say(
            f"consumer.{verdict.value}",
            code=f"stream.{verdict.value}",
            stream=self.stream,
            epoch=checkpoint.epoch,
            position=checkpoint.position,
            message=SENTENCES[verdict],
        )
        if verdict is Verdict.ROLLED_BACK:
            self.state = "rolled_back"
        elif verdict is Verdict.MADE_ANEW:
            self.state = "made_anew"

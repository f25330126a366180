"""One stream's messages, in order, into the projector. SQLite is the authority on how far we are.

A durable pull consumer, placed at checkpoint + 1 whenever a session begins. A session ends when
anything may have been lost (reconnect, silence, a gap in the consumer's numbering); then another one
begins.
Messages are acknowledged after their commit, so that `nats consumer report` shows the true lag.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import structlog

from recorder import cancelling
from recorder.bus import Bus, Delivery, StreamUnreachable
from recorder.checkpoint import SENTENCES, Checkpoint, StreamFacts, Verdict, judge
from recorder.entries import Message
from recorder.news import News
from recorder.projector import Projector
from recorder.pull import PullLost, Session
from recorder.store import Store

log = structlog.get_logger()

PAUSE_SECONDS = 1.0
JUDGE_AGAIN_SECONDS = 3.0

State = Literal["starting", "following", "reconnecting", "rolled_back", "made_anew"]


class Consumer:
    """Follows one stream for as long as it runs. `state`, `lag`, `failing_seconds` and `never_read` are
    for people and readiness.
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
        self.never_read = 0  # messages that the stream dropped by age before we had read them
        self._failing_since: float | None = None
        self._judged: tuple[Verdict, Checkpoint] | None = None
        self._session: asyncio.Task[None] | None = None
        self._go_on = asyncio.Event()
        self._go_on.set()

    @property
    def failing_seconds(self) -> float:
        """For how long sessions have ended, one after another, with no message applied."""
        return 0.0 if self._failing_since is None else time.monotonic() - self._failing_since

    async def pause(self) -> None:
        """End the session; when this returns nothing is being written, until `resume`."""
        self._go_on.clear()
        if self._session is not None:
            await cancelling.end([self._session])

    def resume(self) -> None:
        """Begin a session again, at the checkpoint there is then."""
        self._go_on.set()

    async def run(self) -> None:
        """Session after session, until cancelled."""
        while True:
            while not self._go_on.is_set():  # it may be cleared again before we are woken
                await self._go_on.wait()
            self._session = asyncio.create_task(self._next_session())
            try:
                await asyncio.wait((self._session,))
            finally:
                await cancelling.end([self._session])

    async def _next_session(self) -> None:
        """A session and the pause after it. Cancelled, it leaves whole batches behind."""
        try:
            await self._follow()
        except (PullLost, StreamUnreachable) as error:
            log.warning("consumer.interrupted", stream=self.stream, reason=str(error))
        except Exception:  # a batch that cannot be applied: nothing is skipped, it is tried again
            log.exception("consumer.failed", stream=self.stream)
        if self.state == "following":
            self.state = "reconnecting"
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        await asyncio.sleep(PAUSE_SECONDS)

    async def _follow(self) -> None:
        checkpoint = await self._store.find_checkpoint(self.stream)
        position = checkpoint.position if checkpoint else 0
        if checkpoint is not None:
            self._news.announce(self.stream, checkpoint.epoch, position)
        facts = await self._bus.stream_facts(self.stream, position)
        verdict = judge(checkpoint, facts)
        self._tell(verdict, checkpoint, facts)
        if not verdict.may_consume:  # an operator repairs it, or brings the stream back
            await asyncio.sleep(JUDGE_AGAIN_SECONDS)
            return
        self._news.announce(self.stream, facts.epoch, position)
        self.lag = max(0, facts.last - position)
        await self._bus.place_consumer(self.stream, self._durable, position + 1)

        async def apply(deliveries: list[Delivery]) -> None:
            await self._apply(deliveries, facts.epoch)

        session = Session(self._bus, stream=self.stream, consumer=self._durable, apply=apply)
        self.state = "following"
        await session.run(self._nothing_waits)

    async def _apply(self, deliveries: list[Delivery], epoch: int) -> None:
        await self._projector.apply([message(self.stream, epoch, each) for each in deliveries])
        self.lag = deliveries[-1].pending
        self._failing_since = None
        await self._bus.acknowledge(deliveries[-1])

    def _nothing_waits(self) -> None:
        self._failing_since = None

    def _tell(self, verdict: Verdict, checkpoint: Checkpoint | None, facts: StreamFacts) -> None:
        if verdict is Verdict.RESUME or checkpoint is None:
            self._judged = None
            return
        if verdict is Verdict.ROLLED_BACK:
            self.state = "rolled_back"
        elif verdict is Verdict.MADE_ANEW:
            self.state = "made_anew"
        if self._judged == (verdict, checkpoint):
            return  # it has been told
        self._judged = (verdict, checkpoint)
        lost = facts.first - checkpoint.position - 1 if verdict is Verdict.EXPIRED else 0
        self.never_read += lost
        say = log.warning if verdict.may_consume else log.error
        say(
            f"consumer.{verdict.value}",
            code=f"stream.{verdict.value}",
            stream=self.stream,
            epoch=checkpoint.epoch,
            position=checkpoint.position,
            message=SENTENCES[verdict],
            never_read=lost,
        )


def message(stream: str, epoch: int, delivery: Delivery) -> Message:
    """What a pull brought, as the projector takes it."""
    return Message(
        stream=stream,
        epoch=epoch,
        position=delivery.position,
        subject=delivery.subject,
        body=delivery.body,
        message_id=delivery.message_id,
    )

"""What one session of a consumer is sent, batch by batch. `Pull` decides, `Session` does the sending."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from recorder.bus import Bus, Delivery, Notice

log = structlog.get_logger()

BATCH = 1000  # messages that one transaction takes at most
AHEAD = 2  # so many batches, so that the next one comes in while one is being written
EXPIRES_SECONDS = 30.0
HEARTBEAT_SECONDS = 5.0
SILENCE_SECONDS = 2.5 * HEARTBEAT_SECONDS
HEARTBEAT = 100  # the status of a server's heartbeat

Apply = Callable[[list[Delivery]], Coroutine[Any, Any, None]]


class PullLost(Exception):
    """Messages may be missing from this pull; the next session asks for them again."""


class Pull:
    """What one session has been sent and not yet taken, and how much more may come.

    Decides; `Session` does the sending. `room` is how many messages to ask for now: nothing until
    half a batch has been taken, and never more than fits beside what waits here.
    """

    def __init__(self, ahead: int = AHEAD * BATCH, batch: int = BATCH) -> None:
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
            and not self.idle
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


class Batches:
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

    async def __aenter__(self) -> Batches:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Whatever went wrong, the next session reads a checkpoint that nobody is moving."""
        if self._newest is not None:
            await asyncio.wait((self._newest,))
            self._newest.exception()  # it failed with the one before it, which has been told


class Session:
    """Brings the messages of a consumer that was placed, until the pull is lost or someone calls `stop`.

    `apply` is called with batches in their order, the next one while the one before is under way.
    """

    def __init__(
        self, bus: Bus, *, stream: str, consumer: str, apply: Apply, batch: int = BATCH
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._consumer = consumer
        self._apply = apply
        self._pull = Pull(AHEAD * batch, batch)
        self._stopped = False

    def stop(self) -> None:
        """Begin with no further batch; `run` returns when those under way are done."""
        self._stopped = True
        self._pull.stirred.set()

    async def run(self, idle: Callable[[], None]) -> None:
        """`idle` hears that the server has nothing to send. Raises PullLost, StreamUnreachable, and
        what `apply` raises.
        """
        pull = self._pull
        inbox = self._bus.inbox(pull.arrive, lambda: pull.lose("reconnected"))
        async with Batches() as batches, inbox as subject:
            while not self._stopped:
                pull.stirred.clear()
                await self._refill(subject)
                if deliveries := pull.take():
                    await batches.begin(self._apply(deliveries))
                elif batches.under_way:
                    await batches.finish()
                else:
                    await self._wait(idle)
            await batches.finish()

    async def _refill(self, inbox: str) -> None:
        if not (room := self._pull.room):
            return
        await self._bus.ask_for_messages(
            self._stream,
            self._consumer,
            inbox,
            batch=room,
            expires_seconds=EXPIRES_SECONDS,
            heartbeat_seconds=HEARTBEAT_SECONDS,
        )
        self._pull.asked(room)

    async def _wait(self, idle: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await self._pull.stirred.wait()
        except TimeoutError:
            log.warning("consumer.stalled", stream=self._stream, seconds=SILENCE_SECONDS)
            raise PullLost("neither message nor heartbeat came") from None
        if self._pull.idle:
            idle()

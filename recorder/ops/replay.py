"""A stream from the server into a scratch database, up to a position."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from recorder.bus import Bus, Delivery, StreamUnreachable
from recorder.checkpoint import StreamFacts
from recorder.consumer import message
from recorder.ops.filling import Filling
from recorder.ops.progress import Progress, Tell
from recorder.pull import PullLost, Session
from schemas import subjects

STREAMS = (subjects.CONTROL, subjects.RUNS)
BATCH = 1000
PAUSE_SECONDS = 0.5
TRIES = 5  # sessions, one after another, that bring nothing


class Replay:
    """Reads one stream from its beginning, or on from `after`.

    `position` is how far the scratch is, `read` how many messages that were; `told` is called when they
    have changed.
    """

    def __init__(
        self,
        bus: Bus,
        filling: Filling,
        stream: str,
        facts: StreamFacts,
        after: int,
        told: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._filling = filling
        self._told = told
        self.stream = stream
        self.facts = facts
        self.position = max(after, facts.first - 1)
        self.read = 0

    async def until(self, target: int) -> None:
        """Go on until the scratch has everything up to `target`, which the stream has reached already.

        Raises StreamUnreachable, also when the stream was made anew meanwhile, and FillingFailed.
        """
        tries = 0
        while self.position < target:
            before = self.position
            try:
                await self._session(target)
            except PullLost as lost:
                tries = tries + 1 if self.position == before else 0
                if tries == TRIES:
                    raise StreamUnreachable(f"{self.stream} cannot be read: {lost}") from lost
                await asyncio.sleep(PAUSE_SECONDS)
                await self._check_epoch()

    async def _session(self, target: int) -> None:
        async with self._bus.reader(self.stream, self.position + 1) as name:

            async def apply(deliveries: list[Delivery]) -> None:
                await self._apply([each for each in deliveries if each.position <= target])
                last = deliveries[-1]
                if last.position >= target or last.pending == 0:
                    reached()

            def reached() -> None:
                self.position = target
                session.stop()

            session = Session(
                self._bus, stream=self.stream, consumer=name, apply=apply, batch=BATCH
            )
            await session.run(idle=reached)

    async def _apply(self, deliveries: list[Delivery]) -> None:
        if not deliveries:
            return
        epoch = self.facts.epoch
        await self._filling.apply([message(self.stream, epoch, each) for each in deliveries])
        self.position = deliveries[-1].position
        self.read += len(deliveries)
        self._told()

    async def _check_epoch(self) -> None:
        facts = await self._bus.stream_facts(self.stream, 0)
        if facts.epoch != self.facts.epoch:
            raise StreamUnreachable(f"{self.stream} was made anew while it was read")


class Replays:
    """All streams, one after another."""

    def __init__(self, bus: Bus, tell: Tell) -> None:
        self._bus = bus
        self._tell = tell
        self._progress: Progress | None = None
        self._replays: list[Replay] = []

    @classmethod
    async def open(
        cls, bus: Bus, filling: Filling, tell: Tell, after: Mapping[str, int] | None = None
    ) -> Replays:
        """As the streams are now, after what the scratch has of them. Raises StreamUnreachable."""
        replays = cls(bus, tell)
        for stream in STREAMS:
            facts = await bus.stream_facts(stream, 0)
            replays._replays.append(
                Replay(bus, filling, stream, facts, (after or {}).get(stream, 0), replays._told)
            )
        return replays

    @property
    def read(self) -> int:
        """How many messages were read."""
        return sum(replay.read for replay in self._replays)

    @property
    def facts(self) -> dict[str, StreamFacts]:
        """What the streams were in the beginning."""
        return {replay.stream: replay.facts for replay in self._replays}

    @property
    def ends(self) -> dict[str, int]:
        """The last position of each stream in the beginning."""
        return {replay.stream: replay.facts.last for replay in self._replays}

    async def ends_now(self) -> dict[str, int]:
        """The same of this moment. Raises StreamUnreachable."""
        facts = {
            each.stream: await self._bus.stream_facts(each.stream, 0) for each in self._replays
        }
        return {stream: found.last for stream, found in facts.items()}

    async def until(self, positions: Mapping[str, int]) -> None:
        """Bring each stream up to its position. Raises StreamUnreachable, FillingFailed."""
        targets = [(replay, positions.get(replay.stream, 0)) for replay in self._replays]
        waiting = sum(max(0, target - replay.position) for replay, target in targets)
        if self._progress is None:
            self._progress = Progress("replaying", waiting, self._tell)
        for replay, target in targets:
            await replay.until(target)

    def _told(self) -> None:
        if self._progress is not None:
            self._progress.at(self.read)

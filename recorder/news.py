"""Announce after a commit, wait before a read. No event is handed over: who is woken reads.

So no queue can grow and none can be missed: a bell is hung up *before* one reads, and rings for
whatever is committed from then on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog

from schemas.problems import StorageUnavailable

log = structlog.get_logger()


class News:
    """Bells by run, and the position that each stream is projected up to."""

    def __init__(self) -> None:
        self._bells: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._editions: dict[str, int] = {}
        self._waiting: set[tuple[str, int, asyncio.Future[None]]] = set()
        self._positions: dict[str, int] = {}
        self._epochs: dict[str, int] = {}
        self.closed = False

    def announce(self, stream: str, epoch: int, position: int, run_ids: Iterable[str] = ()) -> None:
        """The tables now show the stream up to `position`; these runs have changed."""
        self._positions[stream], self._epochs[stream] = position, epoch
        for run_id in run_ids:
            self.ring(run_id)
        self._release(stream, position)

    def ring(self, run_id: str) -> None:
        """This run has changed."""
        if bells := self._bells.get(run_id):
            self._editions[run_id] = self.edition(run_id) + 1
            for bell in bells:
                bell.set()

    def wake(self) -> None:
        """Whatever was read may be otherwise now: everyone reads again."""
        for run_id in tuple(self._bells):
            self.ring(run_id)

    def close(self) -> None:
        """Wake everyone for the last time: who follows looks at `closed` and ends."""
        self.closed = True
        self.wake()

    def position(self, stream: str) -> int:
        """Up to where the tables show a stream; 0 before its first message."""
        return self._positions.get(stream, 0)

    def epoch(self, stream: str) -> int:
        """Which making of the stream that position counts in; 0 before its first message."""
        return self._epochs.get(stream, 0)

    def edition(self, run_id: str) -> int:
        """How often the run has changed since a bell of its hangs without a break."""
        return self._editions.get(run_id, 0)

    def listeners(self, run_id: str) -> int:
        """How many bells of the run hang."""
        return len(self._bells.get(run_id, ()))

    @contextmanager
    def bell(self, run_id: str) -> Iterator[asyncio.Event]:
        """A bell that is set whenever the run has changed. Clear it, read, then wait for it."""
        bell = asyncio.Event()
        self._bells[run_id].add(bell)
        try:
            yield bell
        finally:
            self._bells[run_id].discard(bell)
            if not self._bells[run_id]:
                del self._bells[run_id]
                self._editions.pop(run_id, None)

    async def wait_for_position(self, stream: str, position: int, timeout: float) -> bool:
        """Whether the tables show the stream up to `position` within `timeout` seconds."""
        if self.position(stream) >= position:
            return True
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (stream, position, reached)
        self._waiting.add(waiting)
        try:
            await asyncio.wait_for(reached, timeout)
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiting)
        return True

    async def wait_until_shown(self, stream: str, position: int, timeout: float) -> None:
        """Until the tables show what is stored at `position`. Raises StorageUnavailable."""
        if not await self.wait_for_position(stream, position, timeout):
            log.warning("news.not_shown", stream=stream, position=position)
            raise StorageUnavailable(
                "The change is stored, but the tables do not show it yet.",
                hint="Read it again in a moment; /readyz tells how far behind the tables are.",
            )

    def _release(self, stream: str, position: int) -> None:
        for waited_stream, waited, reached in self._waiting:
            if waited_stream == stream and waited <= position and not reached.done():
                reached.set_result(None)

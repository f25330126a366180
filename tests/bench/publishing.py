"""The worker's outbox and publisher against a real JetStream, without the rest of the worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from recorder import bus as recorder_bus
from schemas import streams
from schemas.settings import SPOOL_MAX_BYTES
from worker.bus import PublishLink
from worker.outbox import SEGMENT_BYTES, Outbox
from worker.publisher import Publisher
from worker.spool import Segment, Spool

MIB = 1024 * 1024


async def make_stream(nats_url: str) -> None:
    """RUNS, as a recorder makes it."""
    async with recorder_bus.connect(nats_url, "bench") as bus:
        await bus.ensure_stream(streams.runs_stream(max_age_days=1, max_bytes=1024 * MIB), 1)


class Unwritten(Segment):
    """A segment that takes lines and writes none."""

    def append(self, line: bytes) -> int:
        offset = self.size_bytes
        self.size_bytes = offset + len(line)
        return offset


class MemorySpool(Spool):
    """A spool that keeps nothing."""

    def new_segment(self) -> Segment:
        segment = super().new_segment()
        return Unwritten(segment.path, segment.descriptor)


def in_memory(directory: Path) -> Outbox:
    """An outbox whose events are in memory alone; all else is as it is."""
    spool = MemorySpool.open(directory, reserve_bytes=MIB)
    return Outbox(
        spool, limit_bytes=SPOOL_MAX_BYTES, segment_bytes=SEGMENT_BYTES, kept_bytes=SPOOL_MAX_BYTES
    )


@asynccontextmanager
async def outbox_in(
    directory: Path, make: Callable[[Path], Outbox] = Outbox.open
) -> AsyncIterator[Outbox]:
    """An outbox with files of its own."""
    outbox = make(directory)
    try:
        yield outbox
    finally:
        outbox.close()


@asynccontextmanager
async def published(link: PublishLink, outbox: Outbox) -> AsyncIterator[None]:
    """Publish what is in the outbox, for as long as the block lasts."""
    task = asyncio.get_running_loop().create_task(Publisher(link, outbox).run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def all_acknowledged(outbox: Outbox) -> int:
    """Wait until the stream has everything; the position of what came last. Runs take turns, so that may be any."""
    return max([await outbox.acknowledged(entry) for entry in outbox.entries], default=0)

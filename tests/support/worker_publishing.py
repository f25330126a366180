"""A publisher at work on an outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.eventually import LIMIT_S, eventually
from worker.outbox import Outbox
from worker.publisher import Link, Publisher


@asynccontextmanager
async def publishing(
    link: Link, outbox: Outbox, deadline_seconds: float = 5.0
) -> AsyncIterator[None]:
    task = asyncio.create_task(Publisher(link, outbox, deadline_seconds=deadline_seconds).run())
    try:
        yield
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.wait([task])


async def emptied(outbox: Outbox, limit_s: float = LIMIT_S) -> None:
    await eventually(lambda: not outbox.entries, limit_s, explain=lambda: len(outbox))


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]

"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

AGAIN_SECONDS = 2.0  # what is being written to the database may take its time


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they are done; what they raise is theirs to tell.

    Once is not always enough: `asyncio.wait_for` (before Python 3.12) and nats-py's `publish` swallow a
    cancellation that comes at the wrong moment, and a loop around them would go on for ever.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do all of it, also when cancelled meanwhile, even twice; the cancellation goes on afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled

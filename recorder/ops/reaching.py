"""A command's own connection to NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from recorder import bus as buses
from recorder.bus import Bus, StreamUnreachable
from schemas.nats_users import NatsAddress
from schemas.problems import CannotReach

CONNECT_SECONDS = 10.0


@asynccontextmanager
async def reach(nats: NatsAddress | str, name: str) -> AsyncIterator[Bus]:
    """A bus for this block. Raises CannotReach, also for a stream that cannot be read any further."""
    async with buses.connect(nats, name, seconds=CONNECT_SECONDS) as bus:
        try:
            yield bus
        except StreamUnreachable as error:
            raise CannotReach(
                f"The streams cannot be read: {error}.",
                "Nothing was changed. `runreel status` may say why.",
            ) from error

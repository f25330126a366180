"""What the stream has already of what an earlier worker left in the outbox.

A segment is removed when it is full and all of it acknowledged, so a worker that was killed leaves up to 8 MiB that the
stream has. Sent again that would be recognised, event by event: half a minute in which nothing new is sent; and after
the stream's duplicate window it would stand there twice. This is an economy: what is not certain goes again.
"""

from __future__ import annotations

import structlog

from worker.bus import Bus
from worker.outbox import Outbox
from worker.publisher import LinkDown

log = structlog.get_logger(__name__)


async def acknowledge_stored(bus: Bus, outbox: Outbox, worker_id: str) -> None:
    """Look up each run that was left, before anything is published."""
    count = 0
    try:
        for run_id in outbox.left:
            stored = await bus.stored_of(run_id, worker_id)
            if stored is not None and stored.is_whole:
                count += outbox.acknowledge_left(run_id, stored.newest, stored.position)
    except LinkDown as error:
        log.warning("outbox.not_looked_up", reason=str(error))
    log.info("outbox.looked_up", stored=count, waiting=len(outbox))

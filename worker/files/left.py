"""Files that an earlier worker of our name did not get away: which of them are still to be told, and after what."""

from __future__ import annotations

import structlog
from msgspec import Struct

from schemas.codec import EventFromTheFuture, EventUnreadable, decode_data
from schemas.envelope import Event
from schemas.events.artifact import ArtifactCreated
from worker.bus import Bus
from worker.claims import known_of
from worker.files.pending import Pending, PendingFiles
from worker.outbox import Outbox

log = structlog.get_logger(__name__)


class LeftFile(Struct, frozen=True):
    """A file, and the last number that its run has taken."""

    file: Pending
    last: int


async def left_files(
    bus: Bus, outbox: Outbox, worker_id: str, disk: PendingFiles
) -> list[LeftFile]:
    """Those that are still to be stored and told. Raises LinkDown.

    One that its run's newest event tells of was told, and then we died: it is removed. One of a run that nobody knows
    any more is set aside.
    """
    runs = dict.fromkeys(file.run_id for file in disk.left)
    known = {run_id: await known_of(bus, outbox, run_id, worker_id) for run_id in runs}
    found = []
    for file in disk.left:
        event = known[file.run_id][-1] if known[file.run_id] else None
        if event is None:
            log.error("files.of_no_known_run", artifact_id=file.artifact_id, run_id=file.run_id)
            disk.set_aside(file.artifact_id)
        elif _tells_of(event, file):
            disk.remove(file)
        else:
            found.append(LeftFile(file, event.number))
    if found:
        log.warning("files.left", count=len(found))
    return found


def _tells_of(event: Event, file: Pending) -> bool:
    try:
        data = decode_data(event)
    except (EventUnreadable, EventFromTheFuture):
        return False
    return isinstance(data, ArtifactCreated) and data.artifact_id == file.artifact_id

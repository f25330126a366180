"""What the live log has and a scratch does not have yet: taken over from there, not from the stream."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from recorder.checkpoint import Checkpoint
from recorder.entries import Message
from recorder.ops.decisions import catch_up
from recorder.ops.scratch import Scratch, checkpoints_of, open_scratch, reading
from recorder.projections.projection import Projection

BATCH = 1000

_NEXT = """
SELECT position, subject, raw, event_id FROM log
WHERE stream = ? AND epoch = ? AND position > ? AND position < ?
ORDER BY position LIMIT ?
"""


class HistoriesDiffer(Exception):
    """The scratch was made of another making of the stream than the live tables."""


def bring_up(
    database: Path, file: Path, streams: Iterable[str], projections: Sequence[Projection]
) -> int:
    """Complete a scratch with what the live tables of these streams have beyond it, durably.

    How many messages that were. Nobody writes to either of them meanwhile. Raises HistoriesDiffer.
    """
    with reading(database) as live, open_scratch(file, projections) as scratch:
        checkpoints = checkpoints_of(live)
        brought = sum(
            _bring(live, scratch, checkpoints[each]) for each in streams if each in checkpoints
        )
        catch_up(live, scratch)
    sync(file)
    return brought


def batches_between(
    live: sqlite3.Connection, stream: str, epoch: int, after: int, before: int
) -> Iterator[list[Message]]:
    """What the log has of a stream at positions between those two, in order."""
    while rows := live.execute(_NEXT, (stream, epoch, after, before, BATCH)).fetchall():
        yield [
            Message(
                stream=stream,
                epoch=epoch,
                position=position,
                subject=subject,
                body=raw,
                message_id=event_id or "",
            )
            for position, subject, raw, event_id in rows
        ]
        after = rows[-1][0]


def sync(file: Path) -> None:
    """What was written is on the disk when this returns."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bring(live: sqlite3.Connection, scratch: Scratch, to: Checkpoint) -> int:
    found = scratch.checkpoint(to.stream)
    if found is not None and found.epoch != to.epoch:
        raise HistoriesDiffer(f"{to.stream} was made anew meanwhile")
    after = found.position if found else 0
    if after >= to.position:
        return 0
    brought = 0
    for messages in batches_between(live, to.stream, to.epoch, after, to.position + 1):
        scratch.apply(messages)
        brought += len(messages)
    with scratch.transaction() as transaction:
        transaction.set_checkpoint(to)
    return brought

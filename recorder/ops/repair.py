"""Publishes back what a stream lost and this database still has; then the tables are made of the stream again.

For a stream that was rolled back, from where it parts from the log; for one that was made anew, all of it. What
the stream dropped by age is not lost, and what was erased before that place stays erased.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from recorder.bus import Again, Bus
from recorder.ops import scratch
from recorder.ops.judgement import Broken, broken_streams
from recorder.ops.losses import LostMessage, find_lost_messages
from recorder.ops.progress import Progress, Tell, silent
from recorder.ops.reaching import reach
from recorder.ops.rebuild import Rebuild
from schemas.nats_users import NatsAddress
from schemas.problems import CannotStart

BATCH = 500

_MESSAGES = "SELECT id, subject, raw, coalesce(event_id, '') FROM log WHERE id IN ({places})"


class LostOfRun(Struct, frozen=True, kw_only=True, rename="camel"):
    """How many messages of a run a stream lost. `run_id` is None for those of no run."""

    stream: str
    run_id: str | None
    messages: int


class Repaired(Struct, frozen=True, kw_only=True, rename="camel"):
    """`broken` streams were found; of them `lost` was missing, and `published` messages were put back.

    `replaced`: the tables were made anew, for something stands at another position now. Else all stands
    where it was, or it was a dry run, or nothing was broken.
    """

    broken: tuple[Broken, ...] = ()
    lost: tuple[LostOfRun, ...] = ()
    published: int = 0
    replaced: bool = False
    seconds: float = 0.0


async def repair(
    nats: NatsAddress | str, database: Path, *, dry_run: bool = False, tell: Tell = silent
) -> Repaired:
    """Beside a recorder that runs or not. Killed at any moment, it may be called again.

    Raises CannotStart, CannotReach where NATS or a stream cannot be reached.
    """
    since = time.perf_counter()
    with scratch.alone(database) as file:
        async with reach(nats, "runreel-repair") as bus:
            found = await _repair(bus, database, file, dry_run, tell)
    return structs.replace(found, seconds=time.perf_counter() - since)


async def _repair(bus: Bus, database: Path, file: Path, dry_run: bool, tell: Tell) -> Repaired:
    broken = await broken_streams(bus, scratch.checkpoints_in(database))
    if not broken:
        return Repaired()
    work = Rebuild(bus, database, file, broken, tell)
    await work.fill()
    lost = await _find_lost(database, file, broken)
    found = Repaired(broken=broken, lost=_by_run(lost))
    if dry_run:
        return found
    await _publish(bus, database, lost, tell)
    found = structs.replace(found, published=sum(map(len, lost.values())))
    if not await broken_streams(bus, scratch.checkpoints_in(database)):
        return found  # every message is where it was: consumers go on by themselves
    await work.fill()
    await work.losses()  # what was erased before the streams parted is one, and stays one
    if any((await _find_lost(database, file, broken)).values()):
        raise CannotStart("Something that was lost is still missing.", "Call this once more.")
    await work.place()
    return structs.replace(found, replaced=True)


async def _find_lost(
    database: Path, file: Path, broken: Sequence[Broken]
) -> dict[str, list[LostMessage]]:
    return {
        each.stream: await asyncio.to_thread(find_lost_messages, database, file, each.stream)
        for each in broken
    }


async def _publish(
    bus: Bus, database: Path, lost: Mapping[str, Sequence[LostMessage]], tell: Tell
) -> None:
    progress = Progress("publishing", sum(map(len, lost.values())), tell)
    done = 0
    for some in lost.values():
        for begin in range(0, len(some), BATCH):
            batch = await asyncio.to_thread(_read, database, some[begin : begin + BATCH])
            await bus.publish_again(batch)
            done += len(batch)
            progress.at(done)


def _read(database: Path, lost: Sequence[LostMessage]) -> list[Again]:
    """Those messages, in that order."""
    ids = [each.row_id for each in lost]
    with scratch.reading(database) as live:
        sql = _MESSAGES.format(places=", ".join("?" * len(ids)))
        found = {
            row_id: Again(subject=subject, body=body, message_id=event_id)
            for row_id, subject, body, event_id in live.execute(sql, ids)
        }
    return [found[each] for each in ids if each in found]


def _by_run(lost: Mapping[str, Sequence[LostMessage]]) -> tuple[LostOfRun, ...]:
    counts = Counter((stream, each.run_id) for stream, some in lost.items() for each in some)
    return tuple(
        LostOfRun(stream=stream, run_id=run_id, messages=count)
        for (stream, run_id), count in counts.items()
    )

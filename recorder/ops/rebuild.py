"""Makes the database anew from the streams, beside the live one, and puts it in its place.

What the stream dropped by age is taken over from the live log. Nothing else may be missing in the new one: then the
live log may hold the last copy, and it is refused unless the loss is accepted.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Collection
from pathlib import Path

from msgspec import Struct, structs

from recorder import bus as buses
from recorder.bus import Bus
from recorder.ops import scratch
from recorder.ops.exchanging import put_in_place
from recorder.ops.filling import Filling, filling
from recorder.ops.judgement import Broken, broken_streams
from recorder.ops.losses import Lost, find_losses
from recorder.ops.progress import Progress, Tell, silent
from recorder.ops.replay import STREAMS, Replays
from recorder.ops.tail import batches_between, sync
from schemas.problems import CannotStart


class Rebuilt(Struct, frozen=True, kw_only=True):
    """`replaced`: the new database is in place. Else `lost` says what it would have lost, or it was a dry run.

    `events` is how many messages were read from the streams, `kept` how many from the live log, for the
    stream dropped them by age; `brought` how many came meanwhile. `paused_seconds`: nothing was committed.
    """

    replaced: bool = False
    events: int = 0
    kept: int = 0
    brought: int = 0
    lost: tuple[Lost, ...] = ()
    broken: tuple[Broken, ...] = ()
    seconds: float = 0.0
    paused_seconds: float = 0.0


async def rebuild(
    nats_url: str,
    database: Path,
    *,
    accept_loss: bool = False,
    dry_run: bool = False,
    tell: Tell = silent,
) -> Rebuilt:
    """All tables and the log anew, beside a recorder that runs or not.

    Raises CannotStart, StreamUnreachable, FillingFailed.
    """
    since = time.perf_counter()
    with scratch.alone(database) as file, scratch.reading(database) as live:
        async with buses.connect(nats_url, "runreel-rebuild") as bus:
            broken = await broken_streams(bus, scratch.checkpoints_of(live))
            follows = [each for each in STREAMS if each not in {bad.stream for bad in broken}]
            async with filling(file, database, follows) as filler:
                found = structs.replace(await _fill(bus, live, filler, tell), broken=broken)
        lost = await asyncio.to_thread(_check, database, file, follows, tell)
        found = structs.replace(found, lost=lost)
        if not dry_run and (accept_loss or not lost):
            live.close()
            placed = await put_in_place(file, database, follows, tell)
            found = structs.replace(
                found, replaced=True, brought=placed.brought, paused_seconds=placed.paused_seconds
            )
    return structs.replace(found, seconds=time.perf_counter() - since)


async def _fill(bus: Bus, live: sqlite3.Connection, filler: Filling, tell: Tell) -> Rebuilt:
    """What the log has from before the streams' first messages, then the streams to their ends."""
    replays = await Replays.open(bus, filler, tell)
    kept = 0
    for stream, facts in replays.facts.items():
        for messages in batches_between(live, stream, facts.epoch, 0, facts.first):
            await filler.apply(messages)
            kept += len(messages)
    await replays.until(replays.ends)
    await replays.until(await replays.ends_now())  # what came meanwhile is not much
    await filler.finish()
    return Rebuilt(events=replays.read, kept=kept)


def _check(database: Path, file: Path, follows: Collection[str], tell: Tell) -> tuple[Lost, ...]:
    """The file is sound, on the disk, and what it would lose. Raises CannotStart."""
    progress = Progress("checking", 2, tell)
    with scratch.reading(file) as made:
        [(said,), *_] = made.execute("PRAGMA quick_check(1)").fetchall()
    if said != "ok":
        raise CannotStart(f"The new database is broken: {said}.", "Is the disk sound?")
    sync(file)
    progress.at(1)
    lost = find_losses(database, file, follows)
    progress.at(2)
    return lost

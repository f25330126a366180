"""Are the tables what the stream makes? It is replayed beside them, up to where they are, and compared."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

from msgspec import Struct, structs

from recorder.bus import Bus
from recorder.ops import scratch
from recorder.ops.decisions import catch_up
from recorder.ops.dump import Comparison, Difference, tables
from recorder.ops.filling import Filling, filling
from recorder.ops.judgement import Broken, broken_streams
from recorder.ops.progress import Progress, Tell, silent
from recorder.ops.reaching import reach
from recorder.ops.replay import STREAMS, Replays
from recorder.projections import PROJECTIONS
from schemas import subjects
from schemas.nats_users import NatsAddress

_BEGAN_BEFORE = "SELECT DISTINCT run_id FROM log WHERE stream = ? AND position < ?"


class Verified(Struct, frozen=True, kw_only=True, rename="camel"):
    """`equal` over all that the streams still hold.

    `positions` is where both were, by stream; `events` how many messages were replayed, `rows` how many
    rows were compared; `left_out` counts the runs that began before the stream's first message. `broken`
    streams no longer have what the tables were made of; then nothing is compared.
    """

    equal: bool = False
    positions: dict[str, int] = {}
    events: int = 0
    rows: int = 0
    left_out: int = 0
    difference: Difference | None = None
    broken: tuple[Broken, ...] = ()
    seconds: float = 0.0


async def verify(nats: NatsAddress | str, database: Path, tell: Tell = silent) -> Verified:
    """Replay and compare, beside a recorder that runs or not.

    Raises CannotStart, CannotReach where NATS or a stream cannot be reached.
    """
    since = time.perf_counter()
    with scratch.alone(database) as file, scratch.reading(database) as live:
        found = await _verify(nats, database, live, file, tell)
        return structs.replace(
            found, positions=_positions(live), seconds=time.perf_counter() - since
        )


async def _verify(
    nats: NatsAddress | str, database: Path, live: sqlite3.Connection, file: Path, tell: Tell
) -> Verified:
    async with reach(nats, "runreel-verify") as bus:
        if broken := await broken_streams(bus, scratch.checkpoints_of(live)):
            return Verified(broken=broken)
        async with filling(file, database, STREAMS) as filler:
            events = await _replay(bus, live, filler, tell)
        if broken := await broken_streams(bus, scratch.checkpoints_of(live)):
            return Verified(broken=broken)
        first = (await bus.stream_facts(subjects.RUNS, 0)).first
    with scratch.open_scratch(file, PROJECTIONS) as made:
        catch_up(live, made)
    with scratch.reading(file) as replayed:
        compared = await asyncio.to_thread(_compare, live, replayed, first, tell)
    return structs.replace(compared, events=events)


async def _replay(bus: Bus, live: sqlite3.Connection, filler: Filling, tell: Tell) -> int:
    """Bring the scratch to where the tables are, and hold those there; how many messages were read."""
    replays = await Replays.open(bus, filler, tell)
    await replays.until(_positions(live))
    live.execute("BEGIN")  # from the next query on, all that is read is of one moment
    await replays.until(_positions(live))
    await filler.finish()
    return replays.read


def _compare(
    live: sqlite3.Connection, replayed: sqlite3.Connection, first: int, tell: Tell
) -> Verified:
    """Table by table, up to the first difference. `first` is the first position that RUNS still holds."""
    left_out = {
        row[0]
        for side in (live, replayed)
        for row in side.execute(_BEGAN_BEFORE, (subjects.RUNS, first))
    }
    progress = Progress("comparing", _rows_of(live), tell)
    comparison = Comparison(live.execute, replayed.execute, {subjects.RUNS: left_out}, progress.at)
    differences = map(comparison.first_difference, tables(live.execute, PROJECTIONS))
    difference = next(filter(None, differences), None)
    return Verified(
        equal=difference is None,
        rows=comparison.rows,
        left_out=len(left_out),
        difference=difference,
    )


def _rows_of(live: sqlite3.Connection) -> int:
    """About how many rows there are: most are of the log, and of the events that are made of it."""
    [(rows,)] = live.execute("SELECT count(*) FROM log").fetchall()
    return 2 * int(rows)


def _positions(live: sqlite3.Connection) -> dict[str, int]:
    return {name: each.position for name, each in scratch.checkpoints_of(live).items()}

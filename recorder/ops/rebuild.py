"""Makes the database anew from the streams, beside the live one, and puts it in its place.

What the stream dropped by age is taken over from the live log. Nothing else may be missing in the new one: then the
live log may hold the last copy, and it is refused unless the loss is accepted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from msgspec import Struct

from recorder.admin.messages import Adopted
from recorder.bus import Bus
from recorder.checkpoint import StreamFacts
from recorder.ops import scratch
from recorder.ops.exchanging import put_in_place
from recorder.ops.filling import Filling, filling
from recorder.ops.judgement import Broken, broken_streams
from recorder.ops.losses import Lost, find_losses
from recorder.ops.progress import Progress, Tell, silent
from recorder.ops.reaching import reach
from recorder.ops.replay import STREAMS, Replays
from recorder.ops.tail import batches_between, sync
from schemas.nats_users import NatsAddress
from schemas.problems import CannotStart


class Rebuilt(Struct, frozen=True, kw_only=True, rename="camel"):
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


class Rebuild:
    """One at work: `fill`, then `losses`, then `place`. Each may be called again."""

    def __init__(
        self,
        bus: Bus,
        database: Path,
        file: Path,
        broken: Collection[Broken],
        tell: Tell,
    ) -> None:
        self._bus = bus
        self._database = database
        self._file = file
        self._tell = tell
        self._follows = [each for each in STREAMS if each not in {bad.stream for bad in broken}]
        self.events = 0
        self.kept = 0

    async def fill(self) -> None:
        """Bring the scratch to the ends of the streams."""
        after = await asyncio.to_thread(_reached, self._file)
        async with filling(self._file, self._database, self._follows) as filler:
            replays = await Replays.open(self._bus, filler, self._tell, after)
            if not after:
                self.kept = await self._keep(filler, replays.facts)
            await replays.until(replays.ends)
            await replays.until(await replays.ends_now())  # what came meanwhile is not much
            await filler.finish()
        self.events += replays.read

    async def losses(self) -> tuple[Lost, ...]:
        """What of the live log it would not have. It is sound and on the disk. Raises CannotStart."""
        check = (self._database, self._file, self._follows, self._tell)
        return await asyncio.to_thread(_check, *check)

    async def place(self) -> Adopted:
        """Put it in the place of the live one. Raises CannotStart."""
        return await put_in_place(self._file, self._database, self._follows, self._tell)

    async def _keep(self, filler: Filling, facts: Mapping[str, StreamFacts]) -> int:
        """What the log has from before the streams' first messages; how many messages that are."""
        kept = 0
        with scratch.reading(self._database) as live:
            for stream, found in facts.items():
                for messages in batches_between(live, stream, found.epoch, 0, found.first):
                    await filler.apply(messages)
                    kept += len(messages)
        return kept


async def rebuild(
    nats: NatsAddress | str,
    database: Path,
    *,
    accept_loss: bool = False,
    dry_run: bool = False,
    tell: Tell = silent,
) -> Rebuilt:
    """All tables and the log anew, beside a recorder that runs or not.

    Raises CannotStart, CannotReach where NATS or a stream cannot be reached.
    """
    since = time.perf_counter()
    with scratch.alone(database) as file:
        async with reach(nats, "runreel-rebuild") as bus:
            broken = await broken_streams(bus, scratch.checkpoints_in(database))
            work = Rebuild(bus, database, file, broken, tell)
            await work.fill()
            lost = await work.losses()
            refused = dry_run or (lost and not accept_loss)
            placed = None if refused else await work.place()
    return Rebuilt(
        replaced=placed is not None,
        events=work.events,
        kept=work.kept,
        brought=placed.brought if placed else 0,
        lost=lost,
        broken=broken,
        seconds=time.perf_counter() - since,
        paused_seconds=placed.paused_seconds if placed else 0.0,
    )


def _reached(file: Path) -> dict[str, int]:
    """How far a scratch is that was begun."""
    if not file.exists():
        return {}
    return {stream: each.position for stream, each in scratch.checkpoints_in(file).items()}


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

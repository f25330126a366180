"""One projection's tables anew, from the log: in a copy of the live database, which then takes its place."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TypeVar

from recorder.ops import scratch
from recorder.ops.exchanging import put_in_place
from recorder.ops.progress import Progress, Tell, silent
from recorder.ops.rebuild import Rebuilt
from recorder.ops.replay import STREAMS
from recorder.ops.scratch import Scratch
from recorder.ops.tail import sync
from recorder.projections import PROJECTIONS
from recorder.projections.projection import Projection
from recorder.store.rebuild import BATCH, rebuild
from recorder.store.writer import Job
from schemas.problems import CannotStart

T = TypeVar("T")
PAGES = 2000  # that are copied between two words about how far it is


async def rebuild_projection(
    database: Path, name: str, *, dry_run: bool = False, tell: Tell = silent
) -> Rebuilt:
    """Beside a recorder that runs or not; no stream is read. Raises CannotStart."""
    since = time.perf_counter()
    projection = _named(name)
    with scratch.alone(database) as file:
        await asyncio.to_thread(_copy, database, file, tell)
        with scratch.open_scratch(file, PROJECTIONS) as copy:
            [(messages,)] = copy.rows(
                "SELECT count(*) FROM log WHERE stream = ?", (projection.stream,)
            )
            filling = _Filling(copy, Progress("projecting", messages, tell))
            await rebuild(filling, PROJECTIONS, projection)
        sync(file)
        if dry_run:
            return Rebuilt(kept=messages, seconds=time.perf_counter() - since)
        placed = await put_in_place(file, database, STREAMS, tell)
    return Rebuilt(
        replaced=True,
        kept=messages,
        brought=placed.brought,
        seconds=time.perf_counter() - since,
        paused_seconds=placed.paused_seconds,
    )


class _Filling:
    """Runs the steps of a rebuild on a scratch, and says how far it is."""

    def __init__(self, copy: Scratch, progress: Progress) -> None:
        self._copy = copy
        self._progress = progress
        self._done = 0

    async def write(self, job: Job[T]) -> T:
        """Run `job` in a transaction of its own."""
        with self._copy.transaction() as transaction:
            result = job(transaction)
        self._done += BATCH
        self._progress.at(self._done)
        return result


def _named(name: str) -> Projection:
    names = {projection.name: projection for projection in PROJECTIONS}
    if name not in names:
        raise CannotStart(f"No projection is named {name!r}.", f"There are {', '.join(names)}.")
    return names[name]


def _copy(database: Path, file: Path, tell: Tell) -> None:
    """As of one moment, while others go on writing."""
    with scratch.reading(database) as live, scratch.opened(file) as copy:
        live.execute("BEGIN")
        [(pages,)] = live.execute("PRAGMA page_count").fetchall()
        progress = Progress("copying", pages, tell)
        live.backup(copy, pages=PAGES, progress=lambda _, left, of: progress.at(of - left))

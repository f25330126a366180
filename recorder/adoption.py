"""Taking a rebuilt file as the database while requests are answered.

The consumers pause, what was committed since is brought over, and the files are exchanged. Readers wait for the
last part of that, some milliseconds; followers then read on from their places.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from recorder.ops.scratch import is_scratch_of
from recorder.ops.tail import HistoriesDiffer, bring_up
from recorder.parts import Recorder
from recorder.projections import PROJECTIONS
from recorder.store import FileInUse, Store
from schemas.problems import CannotStart

log = structlog.get_logger()

TRIES = 40
PAUSE_SECONDS = 0.25


class Adoption(NamedTuple):
    """`brought` is how many messages were committed while the file was made. `seconds`: consumers paused."""

    brought: int
    seconds: float


async def adopt(recorder: Recorder, file: Path, streams: Sequence[str]) -> Adoption:
    """Go on with `file`, completed by what the tables have beyond it of these streams.

    Of other streams the file stands as it is. Raises CannotStart; then all is as before.
    """
    if not is_scratch_of(file, recorder.store.file):
        raise CannotStart(f"{file} was not made by `runreel rebuild`.", "Call that instead.")
    return await asyncio.shield(asyncio.create_task(_adopt(recorder, file, streams)))


async def _adopt(recorder: Recorder, file: Path, streams: Sequence[str]) -> Adoption:
    since = time.monotonic()
    await asyncio.gather(*(consumer.pause() for consumer in recorder.consumers))
    try:
        brought = await _exchange(recorder.store, file, streams)
    finally:
        for consumer in recorder.consumers:
            consumer.resume()
    recorder.news.wake()
    seconds = time.monotonic() - since
    log.info("recorder.adopted", brought=brought, seconds=round(seconds, 3))
    return Adoption(brought, seconds)


async def _exchange(store: Store, file: Path, streams: Sequence[str]) -> int:
    """How many messages were brought over. Raises CannotStart."""
    brought = 0

    def complete() -> None:
        nonlocal brought
        brought += bring_up(store.file, file, streams, PROJECTIONS)

    for _ in range(TRIES):
        try:
            await store.adopt(file, complete)
        except FileInUse:
            await asyncio.sleep(PAUSE_SECONDS)
        except HistoriesDiffer as error:
            raise CannotStart(f"{error}.", "Begin the rebuild anew.") from error
        else:
            return brought
    raise CannotStart(
        f"Another program keeps reading {store.file}.", "End it, and begin the rebuild anew."
    )

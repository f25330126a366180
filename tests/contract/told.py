"""The stories as people read them: what a recorder makes of the recorded streams, as the terminal shows it.

    python -m tests.contract.told        writes the texts anew

To be read as prose: would a customer understand it?
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.runs.timeline import timeline
from recorder.entries import Message
from recorder.projections import PROJECTIONS
from recorder.queries.activity import ActivityFilter, list_activity
from recorder.queries.runs import get_run
from recorder.store import Store, open_store
from schemas import subjects
from schemas.resources import ActivityItem
from schemas.resources.activity import ActivityView
from tests.contract.corpus import HERE, read
from tests.support import recorder_spec as spec

STORIES = HERE / "stories"
VIEWS: tuple[ActivityView, ...] = ("normal", "debug")
WIDTH = 110
MOST = 1000


def stories() -> list[Path]:
    """The recorded streams."""
    return sorted(STORIES.glob("*.jsonl.gz"), key=name_of)


def name_of(recording: Path) -> str:
    """What a story is called."""
    return recording.name.partition(".")[0]


def text_beside(recording: Path, view: ActivityView) -> Path:
    """Where a story's text stands."""
    return recording.with_name(f"{name_of(recording)}.{view}.txt")


@asynccontextmanager
async def told(
    messages: Sequence[Message], at_once: int = 1000
) -> AsyncIterator[tuple[Store, str]]:
    """A recorder's tables of these messages, so many of RUNS a batch, and the run's id."""
    runs = [each for each in messages if each.stream == subjects.RUNS]
    with tempfile.TemporaryDirectory() as directory:
        async with open_store(Path(directory) / "x.db", PROJECTIONS) as store:
            await spec.apply(store, [each for each in messages if each.stream != subjects.RUNS])
            for start in range(0, len(runs), at_once):
                await spec.apply(store, runs[start : start + at_once])
            [[run_id]] = await store.rows("SELECT id FROM runs")
            yield store, run_id


async def items(store: Store, run_id: str, view: ActivityView) -> list[ActivityItem]:
    """All of the run's activity."""
    wanted = ActivityFilter(view="normal" if view == "normal" else None)
    page = await list_activity(store, run_id, wanted, after=None, limit=MOST, order="asc")
    return list(page.data)


async def text_of(recording: Path, view: ActivityView) -> str:
    """The time line of a story."""
    async with told(read(recording)) as (store, run_id):
        run = await get_run(store, run_id)
        lines = timeline(run, await items(store, run_id, view), WIDTH, name_of(recording))
        return "".join(f"{line.plain.rstrip()}\n" for line in lines)


def main() -> None:
    """Write the texts of all stories."""
    for recording in stories():
        for view in VIEWS:
            text_beside(recording, view).write_text(asyncio.run(text_of(recording, view)))


if __name__ == "__main__":
    main()

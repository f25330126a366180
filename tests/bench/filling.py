"""An outbox full of real events: what a browser sent while it opened pages, heard by several runs by turns."""

from __future__ import annotations

from pathlib import Path

from tests.bench.browser import prepare
from tests.bench.corpus import Replay, record
from tests.bench.figure import Bench
from tests.bench.publishing import outbox_in

RUNS = 10
AT_A_TIME = 20  # events of a run that come in a row, as when several are active


async def fill(bench: Bench, outbox_directory: Path, events: int) -> int:
    """At least so many events; how many they became."""
    corpus = await record(prepare(bench.directory))
    async with outbox_in(outbox_directory) as outbox:
        replays = [Replay(corpus, outbox) for _ in range(RUNS)]
        for replay in replays:
            await replay.attach()
        for _ in range(events // RUNS // AT_A_TIME):
            for replay in replays:
                replay.feed(AT_A_TIME)
        return len(outbox)

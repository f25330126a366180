"""Are a recorder's tables those that a replay of the stream makes?"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path

from recorder.projections import PROJECTIONS
from recorder.store import open_store
from schemas import subjects
from tests.support import recorder_spec as spec
from tests.support.faults import tables
from tests.support.faults.scene import Recorder, Scene
from tests.support.faults.stream import nats_client, read_stream

BATCH = 500

Dump = dict[str, list[tuple[object, ...]]]


async def assert_equal_to_a_replay(scene: Scene, recorder: Recorder) -> None:
    """Every row of every projection, and the checkpoints, as a replay up to the same positions makes them."""
    with tables.reading(recorder.database) as live:
        positions = dict(live.execute("SELECT stream, position FROM checkpoints"))
        found = _dump(live)
    wanted = await _replayed(scene, positions)
    for table, rows in wanted.items():
        assert found[table] == rows, f"{recorder.name}: {table} differs from a replay"


async def _replayed(scene: Scene, positions: Mapping[str, int]) -> Dump:
    """What both streams make up to these positions, in a file of its own."""
    batches = []
    async with nats_client(scene.nats.url) as client:
        for stream in (subjects.CONTROL, subjects.RUNS):
            messages = await read_stream(client, stream)
            upto = [each for each in messages if each.position <= positions.get(stream, 0)]
            batches += [upto[at : at + BATCH] for at in range(0, len(upto), BATCH)]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "replay.db"
        async with open_store(file, PROJECTIONS) as store:
            for batch in batches:
                await spec.apply(store, batch)
        with tables.reading(file) as replayed:
            return _dump(replayed)


def _dump(connection: sqlite3.Connection) -> Dump:
    names = [table for projection in PROJECTIONS for table in projection.tables]
    return {
        name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)
        for name in (*names, "checkpoints")
    }

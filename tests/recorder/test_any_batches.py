"""A property of every projection: any cut into batches, any copies and any crash give the same rows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.entries import Message
from recorder.projections import PROJECTIONS, Projection
from recorder.store import Store, open_store
from tests.support import recorder_spec as spec
from tests.support.faults.statements import Counter
from tests.support.recorder_streams import cut, repeated, streams

Rows = list[list[tuple[object, ...]]]

EACH = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda each: each.name)
SETTINGS = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.data_too_large],
)


@EACH
@SETTINGS
@given(data=st.data())
async def test_any_cut_and_any_copies_give_the_same_rows(
    projection: Projection, data: st.DataObject
) -> None:
    stream = data.draw(streams(projection.stream))
    batches = data.draw(cut(data.draw(repeated(stream))))
    with tempfile.TemporaryDirectory() as directory:
        whole = await _rows(Path(directory) / "whole.db", projection, [stream])
        assert await _rows(Path(directory) / "cut.db", projection, batches) == whole


@EACH
@SETTINGS
@given(data=st.data(), statement=st.integers(1, 60))
async def test_any_crash_gives_the_same_rows(
    projection: Projection, data: st.DataObject, statement: int
) -> None:
    stream = data.draw(repeated(data.draw(streams(projection.stream))))
    batches = data.draw(cut(stream))
    with tempfile.TemporaryDirectory() as name:
        live, crashed = Path(name) / "live.db", Path(name) / "crashed.db"
        async with open_store(live, (projection,)) as store:
            await _watch(
                store, Counter(statement, lambda: _copy_as_a_crash_leaves_it(live, crashed))
            )
            await _apply(store, batches)
            whole = await _dump(store, projection)
        if crashed.exists():
            assert await _rows(crashed, projection, batches) == whole


async def _watch(store: Store, counter: Counter) -> None:
    await store.write(lambda transaction: transaction._connection.set_trace_callback(counter.see))


def _copy_as_a_crash_leaves_it(live: Path, crashed: Path) -> None:
    """What the disk holds at this moment: SQLite's file and its WAL, without what is only in memory."""
    for suffix in ("", "-wal"):
        shutil.copy(f"{live}{suffix}", f"{crashed}{suffix}")


async def _rows(file: Path, projection: Projection, batches: Sequence[Sequence[Message]]) -> Rows:
    """The projection's tables once all is applied, from the file's checkpoint on."""
    async with open_store(file, (projection,)) as store:
        await _apply(store, batches)
        return await _dump(store, projection)


async def _apply(store: Store, batches: Sequence[Sequence[Message]]) -> None:
    for batch in batches:
        at = await store.find_checkpoint(batch[0].stream) if batch else None
        position = at.position if at else 0
        await spec.apply(store, [each for each in batch if each.position > position])


async def _dump(store: Store, projection: Projection) -> Rows:
    return [
        sorted(tuple(row) for row in await store.rows(f"SELECT * FROM {table}"))
        for table in projection.tables
    ]

"""Rows in the stream's order for jobs that pass each once: also those of runs that were parked meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recorder import filing, quarantine
from recorder.in_order import InOrder
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.store import Store, open_store
from schemas import subjects
from tests.support import recorder_spec as spec
from tests.support.recorder_artifacts import told
from tests.support.recorder_worker import FakeRun


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield store


async def produced(store: Store, first: int, *runs: FakeRun) -> None:
    """An artifact of each, from a position on."""
    events = enumerate((run.event(told()) for run in runs), first)
    await spec.apply(store, [spec.message(at, event) for at, event in events])


async def spoilt(store: Store, position: int, run: FakeRun) -> None:
    """A message that nobody can read."""
    subject = subjects.run_event(run.space_id, run.run_id, "w1", "x")
    await spec.apply(store, [spec.raw_message(position, subject, b"?")])


async def go_on(store: Store, position: int) -> None:
    await quarantine.skip(store, News(), subjects.RUNS, spec.EPOCH, position)


async def passed(artifacts: InOrder) -> list[int]:
    """The positions of the next rows, which are passed."""
    if rows := await artifacts.next():
        artifacts.passed(rows[-1])
    return [row["position"] for row in rows]


async def test_run_that_parks_and_goes_on_between_two_pages(store: Store) -> None:
    one, other = FakeRun("w1", "s", "t"), FakeRun("w1", "s", "u")
    await produced(store, 1, one, other)
    artifacts = InOrder(store, filing.NEWEST, filing.NOT_FILED_AFTER, 2)
    assert await passed(artifacts) == [1, 2]
    await spoilt(store, 3, one)
    await produced(store, 4, one, other, other, one, other)
    assert await passed(artifacts) == [5, 6]
    await go_on(store, 3)
    assert await passed(artifacts) == [4, 5]  # and not 1 and 2 again
    assert await passed(artifacts) == [6, 7]
    assert await passed(artifacts) == [8]
    assert await passed(artifacts) == []


async def test_run_that_parks_again_further_on(store: Store) -> None:
    one, other = FakeRun("w1", "s", "t"), FakeRun("w1", "s", "u")
    await spoilt(store, 1, one)
    await produced(store, 2, one)
    await spoilt(store, 3, one)
    await produced(store, 4, one, other)
    artifacts = InOrder(store, filing.NEWEST, filing.NOT_FILED_AFTER, 9)
    assert await passed(artifacts) == [5]
    await go_on(store, 1)
    assert await passed(artifacts) == [2, 5]
    await go_on(store, 3)
    assert await passed(artifacts) == [4, 5]

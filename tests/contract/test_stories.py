"""Three stories that were recorded once read as they did, live as rebuilt, at any batch size."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.ops.dump import lines
from recorder.projections.activity import ACTIVITY
from recorder.store import Store
from schemas.resources.activity import ActivityView
from tests.contract import told
from tests.contract.corpus import read

STORIES = told.stories()
MOST_BYTES = 120_000
EACH = pytest.mark.parametrize("story", STORIES, ids=told.name_of)


@EACH
@pytest.mark.parametrize("view", told.VIEWS)
async def test_it_reads_as_it_did(story: Path, view: ActivityView) -> None:
    found = await told.text_of(story, view)
    wanted = told.text_beside(story, view).read_text()
    assert found == wanted, "if this is meant: python -m tests.contract.told, and read the diff"


@EACH
@pytest.mark.parametrize("at_once", [1, 7, 64])
async def test_live_is_as_rebuilt(story: Path, at_once: int) -> None:
    async with told.told(read(story)) as (store, _run_id):
        rebuilt = await _rows(store)
    async with told.told(read(story), at_once) as (store, _run_id):
        assert await _rows(store) == rebuilt


async def _rows(store: Store) -> list[str]:
    return await store.write(lambda transaction: list(lines(transaction.rows, (ACTIVITY,))))


def test_there_are_three() -> None:
    assert [told.name_of(story) for story in STORIES] == ["failing", "shop", "shop-hosted"]


def test_they_are_small() -> None:
    assert sum(story.stat().st_size for story in STORIES) < MOST_BYTES

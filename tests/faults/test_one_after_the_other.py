"""A few misfortunes at random, one after the other, without waiting for anything to get well in between."""

from __future__ import annotations

import random
from pathlib import Path

from tests.faults.loop import chapter
from tests.support.faults.scene import Scene

SEED = 2


async def test_one_misfortune_after_the_other(tmp_path: Path) -> None:
    """`make faults` goes on with this for as long as one likes."""
    told: list[str] = []
    async with Scene(tmp_path, recorders=2, workers=2) as scene:
        events = await chapter(scene, random.Random(SEED), 5, told.append)
    assert len(told) == 6
    assert events > 1000, told

"""Whole fleets are started, broken and read through: on a busy machine that takes its time.

What takes long because the misfortune does goes on beside everything else, and is asked for last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.lanes import LANES, Lanes

LIMIT_SECONDS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    for item in ours:
        item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))
    in_order = iter(sorted(ours, key=_waits_for_lanes))
    places = set(ours)
    items[:] = [next(in_order) if item in places else item for item in items]


def _waits_for_lanes(item: pytest.Item) -> bool:
    return "lanes" in getattr(item, "fixturenames", ())


@pytest.fixture
def lanes(begun: Lanes | None) -> Lanes:
    """What becomes of the misfortunes that last. Who asks for it waits until the end."""
    assert begun is not None
    return begun


@pytest.fixture(scope="package", autouse=True)
async def begun(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lanes | None]:
    """All lanes on their way, from the first test of this folder on, if any test will ask for them."""
    if not any(map(_waits_for_lanes, request.session.items)):
        yield None
        return
    lanes = Lanes()
    tasks = [
        asyncio.create_task(lanes.run(lane, tmp_path_factory.mktemp("lane"))) for lane in LANES
    ]
    yield lanes
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

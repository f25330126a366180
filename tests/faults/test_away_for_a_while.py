"""Processes that are away for a while and come back: NATS for a minute, each for 20 s, a worker behind a cut line.

The misfortunes themselves stand in `lanes`: they began with the first test of this folder.
"""

from __future__ import annotations

import pytest

from tests.faults import lanes as each
from tests.faults.lanes import Lanes

pytestmark = pytest.mark.slow


async def test_nats_is_away_for_a_minute(lanes: Lanes) -> None:
    await lanes.outcome[each.nats_is_away]


async def test_recorder_stands_still_for_20_s(lanes: Lanes) -> None:
    await lanes.outcome[each.recorder_stands_still]


async def test_nats_server_stands_still_for_20_s(lanes: Lanes) -> None:
    await lanes.outcome[each.nats_stands_still]


async def test_worker_stands_still_for_20_s(lanes: Lanes) -> None:
    await lanes.outcome[each.worker_stands_still]


@pytest.mark.browser
async def test_worker_is_cut_off_from_nats(lanes: Lanes) -> None:
    await lanes.outcome[each.worker_is_cut_off]


@pytest.mark.browser
async def test_worker_is_not_heard_by_nats(lanes: Lanes) -> None:
    await lanes.outcome[each.worker_is_not_heard]


@pytest.mark.browser
async def test_worker_does_not_hear_nats(lanes: Lanes) -> None:
    await lanes.outcome[each.worker_does_not_hear]


@pytest.mark.browser
async def test_worker_hears_nothing_of_nats_any_more(lanes: Lanes) -> None:
    await lanes.outcome[each.worker_hears_nothing_more]


async def test_two_recorders_race_to_end_the_same_runs(lanes: Lanes) -> None:
    await lanes.outcome[each.two_recorders_end_the_runs_of_a_dead_worker]


@pytest.mark.browser
async def test_chromium_stands_still_for_20_s(lanes: Lanes) -> None:
    await lanes.outcome[each.chromium_stands_still]

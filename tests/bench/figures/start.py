"""From a start at the API to the first CDP answer, beside a bare launch of the same browser over a pipe."""

from __future__ import annotations

import time

from tests.bench.browser import Setup, launched, prepare
from tests.bench.cdp import over_websocket
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.stack import Stack, stack


async def measure(bench: Bench) -> list[Row]:
    """One of ours, one bare, by turns; each cold."""
    count = bench.count(20, 2)
    setup = prepare(bench.directory)
    started: list[float] = []
    answered: list[float] = []
    bare: list[float] = []
    async with stack(bench.directory) as whole:
        for turn in range(-1, count):  # the first of each only warms the disk's cache
            in_start, in_all = await _ours(whole)
            alone = await _bare(setup)
            if turn >= 0:
                started.append(in_start)
                answered.append(in_all)
                bare.append(alone)
            bench.progress(turn + 1, count)
    return [
        Row(
            label="start → first CDP answer",
            unit="ms",
            n=count,
            ours=spread(answered),
            baseline=spread(bare),
            baseline_label="bare launch, pipe",
            targets=(at_most(1.25),),
        ),
        Row(label="  of it: POST …/start", unit="ms", n=count, ours=spread(started)),
    ]


async def _ours(whole: Stack) -> tuple[float, float]:
    """Milliseconds of the POST alone, and until a client that connects has its first answer."""
    runtime_id = await whole.create()
    since = time.perf_counter()
    run = await whole.start(runtime_id)
    in_start = time.perf_counter() - since
    async with over_websocket(run.connect_url) as cdp:
        await cdp.call("Browser.getVersion")
        in_all = time.perf_counter() - since
    await whole.stop(runtime_id)
    return in_start * 1000, in_all * 1000


async def _bare(setup: Setup) -> float:
    async with launched(setup) as browser:
        return browser.first_answer_ms


FIGURE = Figure(name="start", title="Start", measure=measure)

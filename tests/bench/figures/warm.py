"""From a start at the API to the first CDP answer of a browser that was waiting: one, and five at once."""

from __future__ import annotations

import time

from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.figures.start import at_once, first_answer
from tests.bench.stack import Stack, stack

AT_ONCE = 5


async def measure(bench: Bench) -> list[Row]:
    """One, then five, by turns; each time all are warm again."""
    count = bench.count(12, 2)
    one: list[float] = []
    five: list[float] = []
    async with stack(bench.directory, warm_browsers=str(AT_ONCE)) as whole:
        for turn in range(-1, count):  # the first of each only warms the disk's cache
            await whole.has_warm(AT_ONCE)
            alone = await _one(whole)
            await whole.has_warm(AT_ONCE)
            together = await at_once(whole, AT_ONCE)
            if turn >= 0:
                one.append(alone)
                five.append(together)
            bench.progress(turn + 1, count)
    return [
        Row(
            label="warm start → first CDP answer",
            unit="ms",
            n=count,
            ours=spread(one),
            targets=(at_most(plus=60),),
        ),
        Row(
            label=f"{AT_ONCE} at once, until all have answered",
            unit="ms",
            n=count,
            ours=spread(five),
            baseline=spread(one),
            baseline_label="one",
            targets=(at_most(2),),
        ),
    ]


async def _one(whole: Stack) -> float:
    runtime_id = await whole.create()
    since = time.perf_counter()
    await first_answer(whole, runtime_id)
    took_ms = (time.perf_counter() - since) * 1000
    await whole.stop(runtime_id)
    return took_ms


FIGURE = Figure(
    name="warm", title="Start with a warm browser", measure=measure, deadline_seconds=300
)

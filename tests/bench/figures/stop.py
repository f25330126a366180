"""POST …/stop until its answer: without a profile, and with one beside `Browser.close` of a bare browser."""

from __future__ import annotations

import time

from tests.bench.browser import Setup, prepare, spawned
from tests.bench.cdp import Page, over_pipe, over_websocket
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.stack import Stack, stack


async def measure(bench: Bench) -> list[Row]:
    """One of each, by turns."""
    count = bench.count(20, 2)
    setup = prepare(bench.directory)
    found: list[tuple[float, float, float]] = []
    async with stack(bench.directory) as whole:
        for turn in range(-1, count):
            without, kept = await _ours(whole), await _ours(whole, profile="bench")
            found.append((without, kept, await _bare(setup)))
            bench.progress(turn + 1, count)
    all_without, all_kept, all_bare = zip(*found[1:], strict=True)  # the first warms the cache
    return [
        Row(
            label="stop without profile",
            unit="ms",
            n=count,
            ours=spread(all_without),
            targets=(at_most(plus=150),),
        ),
        Row(
            label="stop with profile",
            unit="ms",
            n=count,
            ours=spread(all_kept),
            baseline=spread(all_bare),
            baseline_label="bare Browser.close",
            compare="difference",
            targets=(at_most(1, plus=100),),
        ),
    ]


async def _ours(whole: Stack, **more: object) -> float:
    runtime_id = await whole.create(**more)
    run = await whole.start(runtime_id)
    async with over_websocket(run.connect_url) as cdp:
        await Page.open(cdp)
    since = time.perf_counter()
    await whole.stop(runtime_id)
    return (time.perf_counter() - since) * 1000


async def _bare(setup: Setup) -> float:
    async with spawned(setup) as browser, over_pipe(browser.process.channel) as cdp:
        await Page.open(cdp)
        since = time.perf_counter()
        await cdp.call("Browser.close")
        await browser.process.ended
        return (time.perf_counter() - since) * 1000


FIGURE = Figure(name="stop", title="Stop", measure=measure)

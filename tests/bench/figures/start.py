"""From a start at the API to the first CDP answer, beside a bare launch of the same browser over a pipe."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from tests.bench.browser import Setup, launched, prepare
from tests.bench.cdp import over_websocket
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.stack import Stack, stack

AT_ONCE = 5


async def measure(bench: Bench) -> list[Row]:
    """One of ours, one bare, by turns; then five of each at once. Each cold."""
    count, rounds = bench.count(20, 2), bench.count(6, 1)
    setup = prepare(bench.directory)
    started: list[float] = []
    answered: list[float] = []
    bare: list[float] = []
    five: list[float] = []
    five_bare: list[float] = []
    async with stack(bench.directory) as whole:
        for turn in range(-1, count):  # the first of each only warms the disk's cache
            in_start, in_all = await _ours(whole)
            alone = await _bare(setup)
            if turn >= 0:
                started.append(in_start)
                answered.append(in_all)
                bare.append(alone)
            bench.progress(turn + 1, count + rounds)
        for turn in range(rounds):
            five.append(await at_once(whole, AT_ONCE))
            five_bare.append(await _bare_at_once(setup))
            bench.progress(count + turn + 1, count + rounds)
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
        Row(
            label=f"{AT_ONCE} at once, until all have answered",
            unit="ms",
            n=rounds,
            ours=spread(five),
            baseline=spread(five_bare),
            baseline_label=f"{AT_ONCE} bare launches",
            targets=(at_most(1.1),),
        ),
    ]


async def at_once(whole: Stack, count: int) -> float:
    """Milliseconds until so many runtimes that are started together have all answered a client."""
    runtimes = [await whole.create() for _ in range(count)]
    since = time.perf_counter()
    await asyncio.gather(*(first_answer(whole, runtime) for runtime in runtimes))
    took_ms = (time.perf_counter() - since) * 1000
    await asyncio.gather(*(whole.stop(runtime) for runtime in runtimes))
    return took_ms


async def first_answer(whole: Stack, runtime_id: str) -> None:
    """Start a runtime, attach to it, and hear its browser's first answer."""
    run = await whole.start(runtime_id)
    async with over_websocket(run.connect_url) as cdp:
        await cdp.call("Browser.getVersion")


async def _bare_at_once(setup: Setup) -> float:
    since = time.perf_counter()
    async with AsyncExitStack() as browsers:
        await asyncio.gather(
            *(browsers.enter_async_context(launched(setup, place=n)) for n in range(AT_ONCE))
        )
        return (time.perf_counter() - since) * 1000


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

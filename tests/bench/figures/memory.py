"""Memory of worker and recorder, Chromium not counted: after runs, beside the same process when it had just started."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import psutil
from msgspec import Struct

from deploy.site import Site
from tests.bench.cdp import Page, over_websocket
from tests.bench.figure import Bench, Figure, Row, Spread, at_most
from tests.bench.stack import Stack, stack

MB = 1_000_000
MOST_MB = {"worker": 120, "recorder": 150}
SETTLE_SECONDS = 2.0
PATHS = ("/", "/about.html", "/quote.html", "/frame.html", "/broken.html")


class Memory(Struct, frozen=True):
    """What one process holds: `uss` is freed when it ends, `rss` counts shared pages too."""

    uss: float
    rss: float


async def measure(bench: Bench) -> list[Row]:
    """Idle, then after some runs."""
    runs = bench.count(5, 1)
    async with Site() as site, stack(bench.directory) as whole:
        pids = {"worker": whole.worker_pid, "recorder": whole.recorder_pid}
        idle = await _settled(pids)
        for number in range(runs):
            await _visit(whole, site.url)
            bench.progress(number + 1, runs)
        after = await _settled(pids)
    return [
        _row(name, kind, runs, getattr(after[name], kind), getattr(idle[name], kind))
        for name in pids
        for kind in Memory.__struct_fields__
    ]


def _row(name: str, kind: str, runs: int, after: float, idle: float) -> Row:
    return Row(
        label=f"{name}, {kind.upper()}",
        unit="MB",
        n=runs,
        ours=Spread(p50=after),
        baseline=Spread(p50=idle),
        baseline_label="idle",
        compare="difference",
        targets=(at_most(plus=MOST_MB[name]),),
        note=f"after {runs} runs of {len(PATHS)} pages",
    )


async def _settled(pids: Mapping[str, int]) -> Mapping[str, Memory]:
    await asyncio.sleep(SETTLE_SECONDS)
    return {name: _memory(pid) for name, pid in pids.items()}


def _memory(pid: int) -> Memory:
    info = psutil.Process(pid).memory_full_info()
    return Memory(info.uss / MB, info.rss / MB)


async def _visit(whole: Stack, url: str) -> None:
    async with whole.active() as run, over_websocket(run.connect_url) as cdp:
        page = await Page.open(cdp)
        for path in PATHS:
            await page.load(url + path)
        await page.close()


FIGURE = Figure(name="memory", title="Memory without Chromium", measure=measure)

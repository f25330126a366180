"""What the walls cost: a cold start in the jail and its network, a page load through the egress; each beside none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from uuid_utils import uuid7

from schemas.runtime_config import RuntimeConfig
from tests.bench.cdp import Page, over_websocket
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.ordinary_page import PATH, OrdinarySite
from tests.support.real_runtime import real_runtime
from worker.browser import Browser, BrowserSetup
from worker.chromium import directory, proxy
from worker.chromium.find import find_chromium
from worker.chromium.sandbox import Sandbox, choose_sandbox

REST_SECONDS = 0.1


async def measure(bench: Bench) -> list[Row]:
    """Starts with and without the wall by turns; then loads of one page through the egress and without it."""
    starts, loads = bench.count(20, 3), bench.count(51, 6)
    with_wall, without = await _starts(bench, starts, loads)
    through, direct = await _loads(bench, starts, loads)
    return [
        Row(
            label="cold start behind the wall",
            unit="ms",
            n=starts,
            ours=spread(with_wall),
            baseline=spread(without),
            baseline_label="a uid alone",
            targets=(at_most(1.15),),
        ),
        Row(
            label="page load, 38 requests, through the egress",
            unit="ms",
            n=loads,
            ours=spread(through),
            baseline=spread(direct),
            baseline_label="the host's network",
            targets=(at_most(1.03),),
        ),
    ]


async def _starts(bench: Bench, count: int, more: int) -> tuple[list[float], list[float]]:
    root, binary = bench.directory / "walls", find_chromium()
    directory.make_root(root)
    walled = choose_sandbox("auto", binary, root)
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(-1, count):  # the first of each only warms the disk's cache
        for kind, sandbox in enumerate((walled, bare(walled))):
            ms = await _start(BrowserSetup(binary=binary, root=root, sandbox=sandbox))
            if turn >= 0:
                took[kind].append(ms)
        bench.progress(turn + 1, count + more)
    return took


def bare(sandbox: Sandbox) -> Sandbox:
    """The same without jail and without a network of its own."""
    return msgspec.structs.replace(sandbox, level="uid", network=False, bubblewrap=None)


async def _start(setup: BrowserSetup) -> float:
    browser = Browser(setup, RuntimeConfig(), place=100, browser_id=str(uuid7()))
    since = time.perf_counter()
    try:
        await browser.launch()
        return (time.perf_counter() - since) * 1000
    finally:
        browser.kill()
        if browser.process is not None:
            await browser.process.ended
        await browser.remove()


async def _loads(bench: Bench, before: int, count: int) -> tuple[list[float], list[float]]:
    took: tuple[list[float], list[float]] = ([], [])
    async with OrdinarySite() as site, _pages(bench.directory) as pages:
        for turn in range(-2, count):  # the first of each only warm up
            for kind in (0, 1) if turn % 2 else (1, 0):
                ms = await pages[kind].load(site.url + PATH)
                took[kind].extend([ms] if turn >= 0 else [])
                await asyncio.sleep(REST_SECONDS)
            bench.progress(before + max(0, turn + 1), before + count)
    return took


@asynccontextmanager
async def _pages(parent: Path) -> AsyncIterator[tuple[Page, Page]]:
    """A page that goes through the egress, in a network of its own, and one that goes straight to the site."""
    async with AsyncExitStack() as parts:
        pages = [await _page(parts, parent / "through", None)]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(proxy, "arguments", lambda _port: [])
            sandbox = bare(choose_sandbox("auto", find_chromium(), parent))
            pages.append(await _page(parts, parent / "direct", sandbox))
        yield pages[0], pages[1]


async def _page(parts: AsyncExitStack, home: Path, sandbox: Sandbox | None) -> Page:
    home.mkdir()
    real = await parts.enter_async_context(real_runtime(home, sandbox=sandbox))
    return await Page.open(await parts.enter_async_context(over_websocket(real.connect_url)))


FIGURE = Figure(name="walls", title="The walls", measure=measure, deadline_seconds=300.0)

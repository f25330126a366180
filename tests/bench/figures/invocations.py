"""Hosted actions beside the same calls of a Playwright that is attached to a browser of its own, with nothing between.

An action's own cost is from its turn to its end, told as a command with a step; a caller waits for the way to the
worker and back, too, and for the stream.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psutil
from playwright.async_api import Browser, Page, async_playwright

from tests.bench.browser import launched, prepare
from tests.bench.figure import Bench, Figure, Row, Spread, at_most, spread
from tests.bench.stack import Run, Stack, stack

PAGE = "data:text/html,<title>Ready</title><h1>Ready</h1><button onclick='document.title += 1'>Go</button>"
WARM_UP = 5
MOST_MB = 120
MB = 1_000_000
ACTIONS: Mapping[str, Mapping[str, Any]] = {
    "click": {"action": "click", "locator": {"role": "button", "name": "Go"}},
    "screenshot": {"action": "screenshot"},
}
DIRECT: Mapping[str, Callable[[Page], Awaitable[object]]] = {
    "click": lambda page: page.get_by_role("button", name="Go").click(),
    "screenshot": lambda page: page.screenshot(),
}
Took = dict[str, list[float]]


async def measure(bench: Bench) -> list[Row]:
    """By turns, with nobody else calling."""
    count = bench.count(200, 20)
    rows = []
    async with AsyncExitStack() as parts:
        whole = await parts.enter_async_context(stack(bench.directory))
        page = await parts.enter_async_context(_attached(bench))
        run = await parts.enter_async_context(whole.active())
        idle = _memory(whole.worker_pid)
        await _invoke(whole, run, {"action": "navigate", "url": PAGE})
        for done, name in enumerate(ACTIONS):
            took = await _by_turns(whole, run, page, name, count)
            rows += _rows(name, took, count)
            bench.progress(done + 1, len(ACTIONS))
        rows += _memory_rows(whole, idle)
    return rows


async def _by_turns(whole: Stack, run: Run, page: Page, name: str, count: int) -> Took:
    took: Took = {"own": [], "whole": [], "direct": []}
    for turn in range(-WARM_UP, count):
        began = time.perf_counter()
        await DIRECT[name](page)
        direct = (time.perf_counter() - began) * 1000
        began = time.perf_counter()
        invocation = await _invoke(whole, run, ACTIONS[name])
        asked = (time.perf_counter() - began) * 1000
        if turn >= 0:
            took["direct"].append(direct)
            took["whole"].append(asked)
            took["own"].append(invocation["durationMs"])
    return took


async def _invoke(whole: Stack, run: Run, asked: Mapping[str, Any]) -> dict[str, Any]:
    path = f"/v1/runtimes/{run.runtime_id}/invocations"
    created = (await whole.http.post(path, json=asked)).raise_for_status().json()
    waited = await whole.http.post(f"{path}/{created['id']}/wait")
    invocation: dict[str, Any] = waited.raise_for_status().json()
    assert invocation["status"] == "succeeded", invocation
    return invocation


def _rows(name: str, took: Took, count: int) -> list[Row]:
    def row(label: str, which: str, *targets: Any) -> Row:
        return Row(
            label=label,
            unit="ms",
            n=count,
            ours=spread(took[which]),
            baseline=spread(took["direct"]),
            baseline_label="attached Playwright",
            targets=targets,
        )

    return [
        row(f"{name}, its own cost", "own", at_most(1.3)),
        row("  asked and waited for over HTTP", "whole"),
    ]


def _memory_rows(whole: Stack, idle: float) -> list[Row]:
    worker = psutil.Process(whole.worker_pid)
    drivers = [each for each in worker.children() if "run-driver" in each.cmdline()]
    return [
        Row(
            label="worker after its actions, USS",
            unit="MB",
            n=1,
            ours=Spread(p50=_memory(worker.pid)),
            baseline=Spread(p50=idle),
            baseline_label="before the first",
            compare="difference",
            targets=(at_most(plus=MOST_MB),),
        ),
        *(
            Row(label="  its driver, USS", unit="MB", n=1, ours=Spread(p50=_memory(each.pid)))
            for each in drivers
        ),
    ]


def _memory(pid: int) -> float:
    return float(psutil.Process(pid).memory_full_info().uss) / MB


@asynccontextmanager
async def _attached(bench: Bench) -> AsyncIterator[Page]:
    setup = prepare(bench.directory)
    async with launched(setup, with_port=True) as direct, async_playwright() as playwright:
        browser: Browser = await playwright.chromium.connect_over_cdp(direct.port_url)
        page = browser.contexts[0].pages[0]
        await page.goto(PAGE)
        yield page


FIGURE = Figure(name="invocations", title="Hosted actions", measure=measure)

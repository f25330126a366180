"""Pages that make events without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.ends import REQUESTED
from tests.support.real_runtime import real_runtime
from tests.support.worker_cdp import cdp_client
from tests.support.worker_pages import Pages
from worker import budgeted_log
from worker.budget import BURST_SECONDS, RunLimits

pytestmark = pytest.mark.browser


async def test_a_page_that_floods_is_counted_and_the_rest_of_the_run_is_whole(
    tmp_path: Path, site: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgeted_log, "SUPPRESSED_TOLD_SECONDS", 0.05)
    limits = RunLimits(events_per_second=20)
    async with (
        real_runtime(tmp_path, limits=limits) as real,
        cdp_client(real.connect_url) as client,
    ):
        page = await client.new_page()
        await page.goto(f"{site.url}/blank.html")
        await page.evaluate("for (let i = 0; i < 5000; i++) console.log('line ' + i)")
        await real.until("events.suppressed", kind="console.message", reason="rate")
        assert real.of("runtime.lifecycle")[-1]["phase"] == "ready"  # told while it goes on
        await page.evaluate("for (let i = 0; i < 5000; i++) console.log('line ' + i)")
        await page.goto(f"{site.url}/blank.html?again")
        await real.until("network.finished", _page=page.target)
        await real.runtime.stop(REQUESTED)
        told = real.of("events.suppressed")
        recorded = len(real.of("console.message"))
        assert recorded >= 20 * BURST_SECONDS
        assert recorded + sum(each["count"] for each in told) == 10_000
        assert {each["kind"] for each in told} == {"console.message"}
        numbers = [event.number for event in real.events]
        assert numbers == list(range(1, len(numbers) + 1))
        assert real.events[-1].type == "runtime.lifecycle"


async def test_what_was_suppressed_last_is_told_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgeted_log, "SUPPRESSED_TOLD_SECONDS", 3600)
    async with real_runtime(tmp_path, limits=RunLimits(events=5)) as real:
        async with cdp_client(real.connect_url) as client:
            page = await client.new_page()
            await page.evaluate("for (let i = 0; i < 100; i++) console.log('line ' + i)")
        await real.runtime.stop(REQUESTED)
        (suppressed,) = [e for e in real.of("events.suppressed") if e["kind"] == "console.message"]
        assert suppressed["count"] + len(real.of("console.message")) == 100
        assert suppressed["reason"] == "total"
        assert real.events[-1].type == "runtime.lifecycle"

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from schemas.ends import IDLE, MAX_DURATION, End
from schemas.runtime_config import RuntimeConfig
from tests.support.real_runtime import real_runtime
from tests.support.worker_cdp import cdp_client
from worker.allowance import Allowance

SHORT = 0.05


class Run:
    """An allowance, and the end that it brought."""

    def __init__(self, *, idle: float | None = None, most: float | None = None) -> None:
        self.ends: list[End] = []
        self._stopped = asyncio.Event()
        self.allowance = Allowance(idle_seconds=idle, most_seconds=most, stop=self._stop)

    def _stop(self, end: End) -> None:
        self.ends.append(end)
        self._stopped.set()

    async def end(self) -> End:
        async with asyncio.timeout(60):
            await self._stopped.wait()
        return self.ends[0]


async def begun(*, idle: float | None = None, most: float | None = None) -> Run:
    run = Run(idle=idle, most=most)
    run.allowance.begin()
    return run


async def test_with_nobody_attached_it_ends() -> None:
    assert await (await begun(idle=SHORT)).end() is IDLE


async def test_it_ends_whoever_is_attached() -> None:
    run = await begun(most=SHORT)
    run.allowance.attached(1)
    assert await run.end() is MAX_DURATION


async def test_while_somebody_is_attached_it_is_not_idle() -> None:
    run = await begun(idle=SHORT)
    run.allowance.attached(2)
    run.allowance.attached(1)
    await (await begun(idle=2 * SHORT)).end()  # which began after it
    assert run.ends == []
    run.allowance.attached(0)
    assert await run.end() is IDLE


async def test_nothing_is_counted_before_it_begins_and_after_it_is_over() -> None:
    never, over = Run(idle=SHORT, most=SHORT), await begun(idle=SHORT, most=SHORT)
    never.allowance.attached(1)
    never.allowance.attached(0)
    never.allowance.reconfigure(SHORT)
    over.allowance.end()
    over.allowance.attached(0)
    await (await begun(idle=2 * SHORT)).end()
    assert never.ends == over.ends == []


async def test_another_bound_counts_for_the_time_that_has_passed() -> None:
    shorter, longer, none = [await begun(idle=seconds) for seconds in (3600, SHORT, SHORT)]
    longer.allowance.reconfigure(3600)
    none.allowance.reconfigure(None)
    await (await begun(idle=2 * SHORT)).end()
    assert longer.ends == none.ends == []
    shorter.allowance.reconfigure(SHORT)  # which is over by now
    assert await shorter.end() is IDLE


async def test_without_bounds_it_goes_on() -> None:
    run = await begun()
    await (await begun(idle=SHORT)).end()
    assert run.ends == []


@pytest.mark.browser
async def test_a_run_that_nobody_is_attached_to(tmp_path: Path) -> None:
    async with real_runtime(tmp_path, RuntimeConfig(idle_timeout_seconds=3)) as real:
        async with cdp_client(real.connect_url) as client:
            await client.call("Browser.getVersion")
        ended = await real.until("runtime.lifecycle", phase="ended")
        assert (ended["code"], ended["_status"]) == (IDLE.code, "stopped")
        types = [event.type for event in real.events]
        assert types.index("connection.closed") < len(types) - 1


@pytest.mark.browser
async def test_a_run_that_has_lasted_as_long_as_it_may(tmp_path: Path) -> None:
    config = RuntimeConfig(max_duration_seconds=5, idle_timeout_seconds=3600)
    async with real_runtime(tmp_path, config) as real, cdp_client(real.connect_url) as client:
        await client.closed.wait()
        assert (client.close_code, client.close_reason) == (1001, MAX_DURATION.message)
        ended = await real.until("runtime.lifecycle", phase="ended")
        assert (ended["code"], ended["_status"]) == (MAX_DURATION.code, "stopped")

"""How long a wait looks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from recorder.queries import events as queries
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun


async def test_wait_of_0_looks_once_however_long_that_takes(
    recorder: Running, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = queries.events_after

    async def slow(*given: Any) -> Any:
        await asyncio.sleep(0.3)
        return await fast(*given)

    events = f"/v1/runs/{run.run_id}/events"
    cursor = (await recorder.get(events, limit=1))["nextCursor"]
    monkeypatch.setattr(queries, "events_after", slow)
    waited = await recorder.post(f"{events}/wait", {"cursor": cursor, "timeoutMs": 0})
    assert waited["event"]["type"] == "runtime.lifecycle"

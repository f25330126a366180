"""Three NATS servers on hosts of their own, of which one is lost: what runs goes on, and what comes is recorded."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fleet.test_hosts_of_their_own import began, created, drive, good, said, shown
from tests.support.eventually import eventually
from tests.support.fleet_of_hosts import fleet_of_hosts
from tests.support.network import why_not

pytestmark = [
    pytest.mark.nats,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(why_not()), reason=str(why_not())),
]


async def test_one_of_three_is_lost(tmp_path: Path) -> None:
    async with fleet_of_hosts(tmp_path, nats=3) as fleet, AsyncExitStack() as stack:
        api = await stack.enter_async_context(fleet.api("r1"))
        before = await began(api, await created(api))
        fleet.network.unplug("n1")
        await drive(before["connectUrl"])

        # Until each stream and bucket has a new leader, refusals are in order.
        async def is_started() -> str | None:
            answer = await api.post("/v1/runtimes", json={"start": True})
            return str(answer.json()["activeRunId"]) if answer.is_success else None

        async def is_stopped() -> bool:
            answer = await api.post(f"/v1/runtimes/{before['runtimeId']}/stop")
            return answer.is_success or answer.status_code == 409

        # A lost server is noticed by pings that stay away, half a minute after; then all finds another one.
        after = await eventually(is_started, 150, explain=fleet.said)
        assert await said(api, before["runId"]) == ["said on a host"]
        await eventually(is_stopped, explain=fleet.said)
        await shown(api, before["runId"], "stopped")
        assert (await good(await api.get(f"/v1/runs/{after}")))["status"] == "active"

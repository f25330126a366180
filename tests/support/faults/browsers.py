"""Real browsers under load: a page that counts on, and the process behind a run."""

from __future__ import annotations

import psutil

from tests.support.cdp_client import CdpClient, cdp_client
from tests.support.run import Run
from tests.support.stack import find_browser

COUNT_ON = "window.n = 0; void setInterval(() => { console.log(n++); console.log(n++) }, 10)"


async def count_on(run: Run) -> None:
    """Open a page that logs 200 lines a second, with nobody attached to it."""
    async with cdp_client(run.connect_url) as client:
        made = await client.call("Target.createTarget", url="about:blank")
        session = await _attached(client, made["result"]["targetId"])
        answer = await client.call("Runtime.evaluate", session, expression=COUNT_ON)
        assert "exceptionDetails" not in answer["result"], answer


async def _attached(client: CdpClient, target_id: str) -> str:
    answer = await client.call("Target.attachToTarget", targetId=target_id, flatten=True)
    return str(answer["result"]["sessionId"])


def browser_of(run: Run) -> psutil.Process:
    """The main process of a run's Chromium."""
    process = find_browser(run)
    assert process is not None, f"run {run.id} has no browser"
    return process

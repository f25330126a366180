"""What is kept of a run that failed."""

from __future__ import annotations

import json
import os
import signal
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from schemas import ends
from schemas.ends import REQUESTED
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import CdpPage, cdp_client
from tests.support.worker_server import Server
from worker.files import last_look as last_look_module

pytestmark = pytest.mark.browser

COMPLAINS = """<!doctype html><title>Shop</title><script>
console.log('no complaint');
for (let n = 0; n < 25; n++) console.error('broken ' + n + ' password=hunter2');
setTimeout(() => { throw new Error('nobody caught it \\u001b[31m') });
</script>"""


async def go_wrong(real: RealRuntime, page: CdpPage, server: Server) -> None:
    server.routes["/shop"] = COMPLAINS
    await page.goto(f"{server.url}/shop?token=abcdef0123456789secret")
    await real.until("page.error")
    await real.until("page.title", title="Shop")
    os.kill(real.pid, signal.SIGKILL)
    await real.runtime.ended


def report_of(real: RealRuntime) -> dict[str, Any]:
    (told,) = real.of("artifact.created")
    assert (told["kind"], told["name"], told["path"]) == (
        "report",
        "report.json",
        "reports/report.json",
    )
    report: dict[str, Any] = json.loads(real.stored(told["artifactId"]))
    return report


async def test_a_run_that_failed_says_what_was_going_on(tmp_path: Path) -> None:
    async with Server() as server, real_runtime(tmp_path) as real:
        async with cdp_client(real.connect_url) as client:
            page = await client.new_page()
            await go_wrong(real, page, server)
        report = report_of(real)
        assert report["runId"] == real.runtime.log.run_id
        assert report["code"] == "browser.crashed"
        assert "signal 9" in report["message"]
        assert report["lastUrl"].startswith(f"{server.url}/shop?token=")
        (state,) = [each for each in report["pages"] if each["pageId"] == page.target]
        assert (state["title"], state["crashed"]) == ("Shop", False)
        messages = [each["message"] for each in report["lastConsoleErrors"]]
        assert len(messages) == 20
        assert "nobody caught it" in messages[-1]
        text = json.dumps(report)
        assert "hunter2" not in text
        assert "abcdef0123456789secret" not in text
        assert real.events[-1].type == "runtime.lifecycle"  # the report comes before


async def test_a_run_that_fails_while_its_browser_answers_has_a_last_screenshot(
    tmp_path: Path,
) -> None:
    async with Server() as server, real_runtime(tmp_path) as real:
        async with cdp_client(real.connect_url) as client:
            await (await client.new_page()).goto(f"{server.url}/blank")
            await real.runtime.stop(ends.HOST_LOST)
        image, report = sorted(real.of("artifact.created"), key=itemgetter("name"))
        assert report["kind"] == "report"
        assert (image["kind"], image["contentType"]) == ("screenshot", "image/jpeg")
        assert real.stored(image["artifactId"]).startswith(b"\xff\xd8\xff")
        assert real.runtime.passed_over == {}


async def test_a_page_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_look_module, "LOOK_SECONDS", 0.3)
    async with Server() as server, real_runtime(tmp_path) as real:
        async with cdp_client(real.connect_url) as client:
            page = await client.new_page()
            await page.goto(f"{server.url}/blank")
            await page.evaluate("void setTimeout(() => { for (;;); })")
            await real.runtime.stop(ends.HOST_LOST)
        assert [told["kind"] for told in real.of("artifact.created")] == ["report"]


async def test_a_run_that_was_stopped_has_none(tmp_path: Path) -> None:
    async with real_runtime(tmp_path) as real:
        await real.runtime.stop(REQUESTED)
        assert real.of("artifact.created") == []
        (ended,) = [each for each in real.of("runtime.lifecycle") if each["phase"] == "ended"]
        assert ended["requestedAt"].endswith("Z")


async def test_one_whose_disk_is_full_has_none(tmp_path: Path) -> None:
    async with real_runtime(tmp_path) as real:
        await real.runtime.stop(ends.SPOOL_FULL)
        assert real.of("artifact.created") == []

"""What runs produce, from the browser to whoever reads it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from playwright.async_api import Page

from deploy.site import Site
from tests.support.eventually import eventually
from tests.support.run import Run, answer
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


async def artifacts(run: Run, kind: str) -> list[dict[str, Any]]:
    """Those of a run, of one kind."""
    path = f"/v1/runs/{run.id}/artifacts"
    listed = await answer(run.http, "GET", path, params={"kind": kind})
    found: list[dict[str, Any]] = listed["data"]
    return found


async def test_a_download_is_read_as_it_came(page: Page, site: Site, run: Run) -> None:
    await page.goto(f"{site.url}/download.html")
    await page.click("a.button")
    (artifact,) = await eventually(lambda: artifacts(run, "download"))
    response = await run.http.get(f"/v1/artifacts/{artifact['id']}/content")
    assert artifact["name"] == "report.csv"
    assert len(response.content) == artifact["sizeBytes"] > 0
    (told,) = await run.events(type="artifact.created")
    assert hashlib.sha256(response.content).hexdigest() == told["data"]["sha256"]


async def test_a_run_that_failed_has_its_report(
    stack: Stack, page: Page, site: Site, run: Run
) -> None:
    await page.goto(f"{site.url}/about.html")
    chromium = stack.browser_of(run)
    assert chromium is not None
    chromium.kill()
    assert (await run.ended())["status"] == "failed"
    (artifact,) = await eventually(lambda: artifacts(run, "report"))
    report = await answer(run.http, "GET", f"/v1/artifacts/{artifact['id']}/content")
    assert (report["code"], report["lastUrl"]) == ("browser.crashed", f"{site.url}/about.html")

"""What goes wrong in a browser is recorded, and harms nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Browser, Page, Playwright

from tests.support.eventually import eventually
from tests.support.run import Run, assert_whole, console, create_runtime, start
from tests.support.site_pages import Pages
from tests.support.stack import Stack

NOBODY = """
<title>nobody there</title>
<script>
  fetch("/go").then(() => {
    const answer = confirm("Is anybody there?");
    console.log(`answered ${answer}`);
  });
</script>
"""


async def test_a_browser_that_is_killed_ends_its_run(
    stack: Stack, run: Run, browser: Browser
) -> None:
    assert browser.is_connected()
    chromium = stack.browser_of(run)
    assert chromium is not None
    chromium.kill()
    ended = await run.ended()
    assert ended["status"] == "failed"
    assert ended["failure"]["code"] == "browser.crashed"
    assert "signal 9" in ended["failure"]["message"]
    assert ended["missing"] == []
    events = await run.events()
    assert_whole(events)
    assert [each["type"] for each in events[-3:]] == [
        "connection.closed",
        "artifact.created",  # the report
        "runtime.lifecycle",
    ]
    await eventually(lambda: stack.directory_of(run) is None)


async def test_its_runtime_can_be_started_again(
    stack: Stack, run: Run, playwright: Playwright
) -> None:
    chromium = stack.browser_of(run)
    assert chromium is not None
    chromium.kill()
    await run.ended()
    runtime = (await run.http.get(f"/v1/runtimes/{run.runtime_id}")).json()
    assert (runtime["status"], runtime["activeRunId"]) == ("failed", None)
    again = await start(run.http, run.runtime_id)
    assert again.id != run.id
    browser = await playwright.chromium.connect_over_cdp(again.connect_url)
    await browser.close()
    await again.stop()


async def test_another_run_does_not_notice(stack: Stack, run: Run, page: Page) -> None:
    other = await stack.run()
    chromium = stack.browser_of(other)
    assert chromium is not None
    chromium.kill()
    assert (await other.ended())["status"] == "failed"
    assert await page.evaluate("6 * 7") == 42
    assert (await run.get())["status"] == "active"


async def crash_of(run: Run, page_id: str) -> dict[str, Any] | None:
    found = await run.events(type="page.crash")
    return next((each for each in found if each["pageId"] == page_id), None)


async def test_a_page_that_crashes_is_told(
    stack: Stack, run: Run, browser: Browser, page: Page
) -> None:
    async with page.expect_event("crash"):
        stack.crash_pages(run)
    opened = await run.events(type="page.opened")
    crash = await eventually(lambda: crash_of(run, opened[-1]["pageId"]))
    assert crash["status"] == "failed"
    another = await browser.contexts[0].new_page()
    assert await another.evaluate("6 * 7") == 42
    assert (await run.get())["status"] == "active"


async def test_a_dialog_that_nobody_can_answer_does_not_hang_its_page(
    run: Run, playwright: Playwright
) -> None:
    async with Pages({"/": NOBODY, "/go": ""}, hold=("/go",)) as pages:
        browser = await playwright.chromium.connect_over_cdp(run.connect_url)
        page = await browser.contexts[0].new_page()
        await page.goto(pages.url)
        await browser.close()
        await run.event("connection.closed")
        pages.release("/go")
        await run.event("console.message", text="answered false")
    opened, closed = await run.events(type="dialog")
    assert opened["data"]["message"] == "Is anybody there?"
    assert (closed["data"]["accepted"], closed["data"]["answeredBy"]) == (False, "worker")


async def test_starts_at_the_same_instant_make_one_run(stack: Stack) -> None:
    runtime_id = await create_runtime(stack.http)
    path = f"/v1/runtimes/{runtime_id}/start"
    answers = await asyncio.gather(*(stack.http.post(path) for _ in range(6)))
    assert [each.status_code for each in answers] == [200] * 6
    assert len({each.json()["runId"] for each in answers}) == 1
    assert [each.json()["started"] for each in answers].count(True) == 1
    runs = (await stack.http.get(f"/v1/runtimes/{runtime_id}/runs")).json()
    assert len(runs["data"]) == 1
    await stack.http.post(f"/v1/runtimes/{runtime_id}/stop")


async def test_stops_at_the_same_instant_end_it_once(stack: Stack, run: Run) -> None:
    path = f"/v1/runtimes/{run.runtime_id}/stop"
    answers = await asyncio.gather(*(stack.http.post(path) for _ in range(4)))
    assert {each.status_code for each in answers} <= {200, 409}
    ends = [each for each in await run.events() if each["data"].get("phase") == "ended"]
    assert len(ends) == 1


async def test_a_page_that_logs_in_a_storm_loses_no_line(run: Run, page: Page) -> None:
    await page.evaluate("for (let n = 0; n < 5000; n++) console.log(n)")
    await run.event("console.message", text="4999")
    await run.stop()
    events = await run.events()
    assert console(events) == [str(n) for n in range(5000)]
    assert_whole(events)

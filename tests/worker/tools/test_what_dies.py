"""Drivers, pages, browsers and runs end in the middle: each is told, and the next invocation finds things in order."""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from playwright.async_api import CDPSession, Page
from structlog.testing import capture_logs

from schemas import ends
from tests.support.eventually import eventually
from tests.support.hosted import FOREVER, Hosted
from tests.support.site_pages import Pages
from tests.support.worker_cdp import cdp_client
from worker.tools.driver import pids
from worker.tools.session import Session


async def test_the_driver_has_none_of_our_environment(
    doomed: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = pids()
    monkeypatch.setenv("RUNREEL_SECRET", "not for everybody")
    await doomed.do("evaluate", expression="1")
    (driver,) = pids() - others
    environment = psutil.Process(driver).environ()
    assert "RUNREEL_SECRET" not in environment
    assert set(environment) <= {
        *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ"),
        *(each for each in environment if each.startswith("PW_")),
    }


async def test_a_driver_that_dies_fails_what_it_did_and_is_started_again(
    doomed: Hosted, pages: Pages
) -> None:
    others = pids()
    await doomed.do("navigate", url=f"{pages.url}/form")
    running = doomed.ask("evaluate", **FOREVER)
    waiting = doomed.ask("click", locator="#go")
    await doomed.is_running(running)
    (driver,) = pids() - others
    os.kill(driver, signal.SIGKILL)
    failed = await doomed.ended(running)
    assert (failed["code"], failed["outcome"]) == ("runtime.not_executable", "failed")
    assert (await doomed.ended(waiting))["_type"] == "command.finished"


async def test_a_driver_that_died_while_nothing_was_asked_is_started_again(doomed: Hosted) -> None:
    others = pids()
    await doomed.do("evaluate", expression="1")
    (driver,) = pids() - others
    os.kill(driver, signal.SIGKILL)
    await eventually(lambda: not doomed.invocations.is_connected)
    assert await doomed.do("evaluate", expression="2") == {"value": 2}


async def test_a_driver_that_stands_still_is_left_when_the_time_is_up(
    doomed: Hosted, pages: Pages
) -> None:
    others = pids()
    await doomed.do("evaluate", expression="1")
    targets = doomed.real.runtime.targets
    await targets.close(targets.fronts.active)
    (driver,) = pids() - others
    os.kill(driver, signal.SIGSTOP)
    failed = await doomed.fail("navigate", url="about:blank", timeoutMs=300)
    assert failed["code"] == "runtime.not_executable"
    assert (await doomed.do("navigate", url=f"{pages.url}/list"))["title"] == "List"


async def test_another_page_that_closes_while_it_is_looked_at_fails_nothing(
    doomed: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    await doomed.do("evaluate", expression="1")
    kept = doomed.real.runtime.targets.fronts.active
    for _ in range(3):
        await doomed.real.runtime.targets.create("about:blank")
    looked_at = Session.cdp

    async def closes_before(session: Session, page: Page) -> CDPSession:
        if page.context.pages[0] is not page:
            await page.close()
        return await looked_at(session, page)

    monkeypatch.setattr(Session, "cdp", closes_before)
    wanted = doomed.real.runtime.targets.fronts.opened_in_order[-1]
    failed = await doomed.fail("evaluate", expression="1", targetId=wanted)
    assert failed["code"] == "target.not_found"
    assert await doomed.do("evaluate", expression="2", targetId=kept) == {"value": 2}


async def test_an_error_in_a_listener_is_not_that_of_the_next_action(doomed: Hosted) -> None:
    """Playwright has some of its own, as of a browser that ends while it connects; its client serves all runs."""

    def broken(_: object) -> None:
        raise RuntimeError("broken by a test")

    await doomed.do("evaluate", expression="1")
    doomed.invocations._session._context.on("page", broken)
    with capture_logs() as logs:
        await doomed.real.runtime.targets.create("about:blank")
        await eventually(lambda: logs)
        assert await doomed.do("evaluate", expression="2") == {"value": 2}
    assert {"event": "driver.listener_failed", "reason": "broken by a test"}.items() <= logs[
        0
    ].items()


async def test_one_that_is_cancelled_while_the_driver_starts_leaves_none_behind(
    doomed: Hosted,
) -> None:
    others = pids()
    first = doomed.ask("evaluate", expression="1")
    await eventually(lambda: pids() - others)
    doomed.invocations.cancel(first)
    assert (await doomed.ended(first))["outcome"] == "cancelled"
    assert await doomed.do("evaluate", expression="2") == {"value": 2}
    await eventually(lambda: len(pids() - others) == 1)


async def test_a_page_that_crashes_and_is_navigated_again(doomed: Hosted, pages: Pages) -> None:
    await doomed.do("navigate", url=f"{pages.url}/form")
    running = doomed.ask("evaluate", **FOREVER)
    await doomed.is_running(running)
    for each in doomed.real.processes():
        if "--type=renderer" in each.cmdline():
            each.kill()
    assert (await doomed.ended(running))["code"] == "page.crashed"
    assert (await doomed.fail("click", locator="#go"))["code"] == "page.crashed"
    there = await doomed.do("navigate", url=f"{pages.url}/list")
    assert there["title"] == "List"


async def test_a_page_with_a_script_of_its_own_that_never_ends(
    doomed: Hosted, pages: Pages
) -> None:
    """It keeps Playwright from connecting, and others from being looked at."""
    async with cdp_client(doomed.real.connect_url) as client:
        page = await client.new_page()
        await page.call("Runtime.evaluate", expression="setTimeout(() => { while (true) {} }); 0")
    assert (await doomed.do("navigate", url=f"{pages.url}/list"))["title"] == "List"


async def test_a_page_that_was_busy_for_a_while_is_not_silent(doomed: Hosted) -> None:
    busy = "setTimeout(() => { const end = Date.now() + 1500; while (Date.now() < end); }); 0"
    async with cdp_client(doomed.real.connect_url) as client:
        page = await client.new_page()
        await page.call("Runtime.evaluate", expression=busy)
        silent = doomed.real.runtime.targets.asked()
        assert silent
        await eventually(lambda: not silent)


async def test_a_page_that_is_busy_is_left_when_its_time_is_up(
    doomed: Hosted, pages: Pages
) -> None:
    await doomed.do("navigate", url=f"{pages.url}/form")
    await doomed.do("evaluate", expression="void setTimeout(() => { while (true) {} })")
    failed = await doomed.fail("click", locator="#go", timeoutMs=500)
    assert failed["outcome"] == "timed_out"
    assert (await doomed.do("navigate", url=f"{pages.url}/list"))["title"] == "List"


async def test_a_page_that_is_closed_in_the_middle(doomed: Hosted) -> None:
    await doomed.do("evaluate", expression="1")
    running = doomed.ask("evaluate", **FOREVER)
    await doomed.is_running(running)
    targets = doomed.real.runtime.targets
    await targets.close(targets.fronts.active)
    assert (await doomed.ended(running))["code"] == "target.not_found"
    assert (await doomed.fail("click", locator="body"))["code"] == "target.not_found"
    assert (await doomed.do("navigate", url="about:blank"))["url"] == "about:blank"


async def test_a_browser_that_dies_ends_all_with_its_reason(doomed: Hosted) -> None:
    await doomed.do("evaluate", expression="1")
    running, waiting = doomed.ask("evaluate", **FOREVER), doomed.ask("reload")
    await doomed.is_running(running)
    os.kill(doomed.real.pid, signal.SIGKILL)
    for each in (running, waiting):
        assert (await doomed.ended(each))["code"] == "browser.crashed"
    await doomed.real.runtime.ended
    assert [event.type for event in doomed.real.events][-1] == "runtime.lifecycle"


async def test_a_run_that_is_stopped_ends_all_first(doomed: Hosted) -> None:
    await doomed.do("evaluate", expression="1")
    running, waiting = doomed.ask("evaluate", **FOREVER), doomed.ask("reload")
    await doomed.is_running(running)
    await doomed.real.runtime.stop(ends.REQUESTED)
    for each in (running, waiting):
        assert (await doomed.ended(each))["code"] == "runtime.stop_requested"
    assert [event.type for event in doomed.real.events][-1] == "runtime.lifecycle"

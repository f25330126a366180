"""What goes wrong is told as what it was, and the next invocation finds things in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
from playwright.async_api import async_playwright
from uuid_utils import uuid7

from schemas import ends
from schemas.requests import Refused
from schemas.runtime_config import Record, RuntimeConfig
from tests.support.eventually import eventually
from tests.support.hosted import Hosted, hosted_runtime
from tests.support.site_pages import Pages
from tests.support.worker_cdp import cdp_client
from worker.tools import invocations
from worker.tools.driver import pids
from worker.tools.queue import MOST_WAITING

FOREVER: dict[str, Any] = {"expression": "new Promise(() => {})", "timeoutMs": 60_000}


@pytest.fixture
async def doomed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosted]:
    """One that may be broken."""
    async with hosted_runtime(tmp_path_factory.mktemp("doomed")) as hosted:
        yield hosted


async def _is_running(hosted: Hosted, invocation_id: str) -> None:
    await eventually(
        lambda: any(
            each["_type"] == "tool.call.started" for each in hosted.events_of(invocation_id)
        )
    )


# elements


async def test_nothing_matches(form: Hosted) -> None:
    failed = await form.fail("click", locator={"role": "button", "name": "Nope"}, timeoutMs=300)
    assert (failed["code"], failed["outcome"]) == ("invocation.no_match", "failed")


async def test_twenty_match(hosted: Hosted, pages: Pages) -> None:
    await hosted.do("navigate", url=f"{pages.url}/twenty")
    failed = await hosted.fail("click", locator={"text": "Same"})
    assert failed["code"] == "invocation.ambiguous"
    assert failed["details"]["count"] == 20
    assert len(failed["details"]["elements"]) == 10
    assert "<button>Same</button>" in failed["details"]["elements"][0]
    await hosted.do("click", locator={"text": "Same", "nth": 19})


async def test_an_element_that_cannot_be_clicked_on(form: Hosted) -> None:
    await form.do("evaluate", expression="go.hidden = true")
    failed = await form.fail("click", locator="#go", timeoutMs=400)
    assert (failed["code"], failed["outcome"]) == ("invocation.timed_out", "timed_out")
    assert any("not visible" in line for line in failed["details"]["log"])


@pytest.mark.parametrize("css", ["##[", "a:nope(", "div >"])
async def test_a_locator_that_is_none(form: Hosted, css: str) -> None:
    failed = await form.fail("click", locator=css, timeoutMs=2000)
    assert failed["code"] in ("invocation.locator_invalid", "invocation.no_match")


async def test_a_key_that_is_none(form: Hosted) -> None:
    assert (await form.fail("press", key="NoSuchKey"))["code"] == "request.invalid"


async def test_a_page_that_is_not_there(form: Hosted) -> None:
    assert (await form.fail("click", locator="#go", targetId="no"))["code"] == "target.not_found"


# scripts


async def test_a_script_that_never_ends_is_stopped(form: Hosted) -> None:
    failed = await form.fail("evaluate", expression="while (true) {}", timeoutMs=300)
    assert (failed["code"], failed["outcome"]) == ("invocation.timed_out", "timed_out")
    assert await form.do("evaluate", expression="'there again'") == {"value": "there again"}


async def test_a_promise_that_never_comes_leaves_the_page_alone(form: Hosted) -> None:
    await form.do("evaluate", expression="globalThis.ticks = 0; void setInterval(() => ticks++, 5)")
    failed = await form.fail("evaluate", expression="new Promise(() => {})", timeoutMs=200)
    assert failed["outcome"] == "timed_out"
    ticking = "(now => new Promise(done => setInterval(() => ticks > now && done(true), 5)))(ticks)"
    assert await form.do("evaluate", expression=ticking) == {"value": True}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(() => { throw new Error('broken') })()", "Error: broken"),
        ("1 +", "SyntaxError"),
        ("Promise.reject(new TypeError('late'))", "TypeError: late"),
        ("(() => { const a = {}; a.a = a; return a })()", "circular"),
    ],
)
async def test_a_script_that_fails(form: Hosted, expression: str, message: str) -> None:
    failed = await form.fail("evaluate", expression=expression)
    assert failed["code"] == "invocation.script_failed"
    assert message in failed["message"]
    assert "UtilityScript" not in failed["message"]


async def test_a_value_that_is_too_large_for_the_log_is_an_artifact(form: Hosted) -> None:
    invocation_id = form.ask("evaluate", expression="'x'.repeat(50_000)")
    end = await form.ended(invocation_id)
    assert "result" not in end
    assert end["artifactIds"] == [end["resultArtifactId"]]
    assert form.content_of(end["resultArtifactId"]) == b'{"value": "' + b"x" * 50_000 + b'"}'


async def test_a_value_that_is_too_large_for_anybody_stays_in_the_page(form: Hosted) -> None:
    failed = await form.fail("evaluate", expression="'x'.repeat(100_000_000)")
    assert failed["code"] == "invocation.too_large"


async def test_a_dialog_holds_nothing_up(form: Hosted) -> None:
    assert await form.do("evaluate", expression="alert('stop'); confirm('?')") == {"value": False}


async def test_texts_of_a_hostile_page_are_texts(hosted: Hosted, pages: Pages) -> None:
    title = (await hosted.do("navigate", url=f"{pages.url}/hostile"))["title"]
    assert title.startswith("evil")
    assert "\u202e" in title
    shot = await hosted.do("screenshot", name=f"{title}\r\nX-Evil: 1.png")
    assert shot["name"].isprintable()
    failed = await hosted.fail("click", locator={"css": "button\r\nX: \x1b[2J"}, timeoutMs=200)
    assert failed["code"] in ("invocation.no_match", "invocation.locator_invalid")


# the queue


async def test_one_after_the_other_in_their_order(form: Hosted) -> None:
    slow = "new Promise(done => setTimeout(done, 100))"
    ids = [form.ask("evaluate", expression=slow) for _ in range(3)]
    for each in ids:
        await form.ended(each)
    told = [
        (form.real.body(event)["commandId"], event.type)
        for event in form.real.events
        if event.type in ("command.started", "command.finished")
        and form.real.body(event)["commandId"] in ids
    ]
    assert told == [(each, f"command.{how}") for each in ids for how in ("started", "finished")]


async def test_asked_twice_with_one_id_it_is_done_once(form: Hosted) -> None:
    await form.do("evaluate", expression="globalThis.times = 0")
    invocation_id = str(uuid7())
    first = form.try_to_ask(invocation_id, "evaluate", expression="++times")
    assert form.try_to_ask(invocation_id, "evaluate", expression="++times") is first
    await form.ended(invocation_id)
    assert form.try_to_ask(invocation_id, "evaluate", expression="++times") is first
    assert await form.do("evaluate", expression="times") == {"value": 1}


async def test_a_waiting_and_a_running_one_are_cancelled(form: Hosted) -> None:
    running = form.ask("evaluate", **FOREVER)
    waiting = form.ask("click", locator="#go")
    await _is_running(form, running)
    form.invocations.cancel(waiting)
    assert (await form.ended(waiting))["outcome"] == "cancelled"
    form.invocations.cancel(running)
    form.invocations.cancel(running)
    end = await form.ended(running)
    assert (end["outcome"], end["code"]) == ("cancelled", "invocation.cancelled")
    told = [each["_type"] for each in form.events_of(running)]
    assert told.count("command.cancelling") == 1
    assert told[-2:] == ["tool.call.failed", "command.failed"]
    assert form.invocations.cancel(running) is None
    assert isinstance(form.invocations.cancel(str(uuid7())), Refused)


async def test_what_was_cancelled_does_not_happen_later(form: Hosted) -> None:
    """The driver gives it up, too: a click that waited for its element does not come when that does."""
    await form.do("evaluate", expression="go.hidden = true")
    clicking = form.ask("click", locator="#go", timeoutMs=60_000)
    await _is_running(form, clicking)
    form.invocations.cancel(clicking)
    await form.ended(clicking)
    await form.do("evaluate", expression="go.hidden = false")
    await form.do("hover", locator="#menu")
    assert await form.do("content", locator="#done", format="text") == {
        "format": "text",
        "content": "over",
    }


async def test_a_cancelled_script_without_end_is_stopped(form: Hosted) -> None:
    running = form.ask("evaluate", expression="while (true) {}", timeoutMs=60_000)
    await _is_running(form, running)
    await asyncio.sleep(0)
    form.invocations.cancel(running)
    assert (await form.ended(running))["outcome"] == "cancelled"
    assert await form.do("evaluate", expression="1") == {"value": 1}


async def test_no_more_wait_than_there_is_room_for(form: Hosted) -> None:
    running = form.ask("evaluate", **FOREVER)
    await _is_running(form, running)
    waiting = [form.ask("evaluate", expression="1") for _ in range(MOST_WAITING)]
    refused = form.try_to_ask(str(uuid7()), "evaluate", expression="1")
    assert isinstance(refused, Refused)
    assert refused.code == "rate_limited"
    for each in (*waiting, running):
        form.invocations.cancel(each)
    await form.ended(running)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {"type": "object"},
        {"type": "objekt", "x-selector": "a"},
        {"type": "string", "x-selector": "a", "pattern": "("},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "#/nowhere", "x-selector": "a"},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a", "x-selector": "a"},
        {"$defs": {f"a{n}": {"properties": {"l": {"$ref": f"#/$defs/a{n + 1}"}, "r": {"$ref": f"#/$defs/a{n + 1}"}}}
                   for n in range(15)} | {"a15": {"x-selector": "a"}}, "$ref": "#/$defs/a0"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "string", "x-selector": 7},
    ],
)  # fmt: skip
async def test_a_schema_that_nothing_can_be_read_by_is_refused(form: Hosted, schema: Any) -> None:
    for asked in (
        {"action": "extract", "outputSchema": schema},
        {"action": "batch", "actions": [{"action": "extract", "outputSchema": schema}]},
    ):
        refused = form.try_to_ask(str(uuid7()), **asked)
        assert isinstance(refused, Refused)
        assert refused.code == "invocation.output_schema_invalid"


# secrets


async def test_what_is_typed_is_not_told(form: Hosted) -> None:
    ids = [
        form.ask("type", locator="#secret", text="Tr0ub4dor&3"),
        form.ask("press", locator="#secret", key="Q"),
        form.ask("batch", actions=[{"action": "type", "locator": "#secret", "text": "Tr0ub4dor&3"}]),
        form.ask("cookies", operation="set", cookies=[{"name": "a", "value": "Tr0ub4dor&3", "url": "http://a.test"}]),
        form.ask("cookies"),
        form.ask("type", locator="#nope", text="Tr0ub4dor&3", timeoutMs=100),
    ]  # fmt: skip
    for each in ids:
        await form.ended(each)
    told = b"".join(bytes(event.data) for event in form.real.events)
    assert b"Tr0ub4dor" not in told
    assert b'"key":"Q"' not in told
    await form.do("cookies", operation="clear")


async def test_what_is_typed_is_told_where_that_is_wanted(
    tmp_path_factory: pytest.TempPathFactory, pages: Pages
) -> None:
    wanted = RuntimeConfig(record=Record(input_text=True, headers=True))
    async with hosted_runtime(tmp_path_factory.mktemp("told"), wanted) as hosted:
        await hosted.do("navigate", url=f"{pages.url}/form")
        typed = hosted.ask("type", locator="#who", text="of all people")
        await hosted.ended(typed)
        assert hosted.events_of(typed)[0]["request"]["text"] == "of all people"
        given = {"name": "sessionid", "value": "sweet", "url": pages.url}
        await hosted.do("cookies", operation="set", cookies=[given])
        (read,) = (await hosted.do("cookies"))["cookies"]
        assert read["value"] == "sweet"


# beside attached clients


async def test_what_runs_keeps_a_run_from_being_idle(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = RuntimeConfig(idle_timeout_seconds=1)
    async with hosted_runtime(tmp_path_factory.mktemp("idle"), config) as hosted:
        slow = "new Promise(done => setTimeout(() => done('awake'), 2500))"
        assert await hosted.do("evaluate", expression=slow) == {"value": "awake"}
        await hosted.real.runtime.ended
        ended = hosted.real.find("runtime.lifecycle", phase="ended")
        assert ended is not None
        assert ended["code"] == ends.IDLE.code


async def test_a_dialog_is_left_to_an_attached_client(form: Hosted) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(form.real.connect_url)
        browser.contexts[0].on("dialog", lambda dialog: dialog.accept("from outside"))
        assert await form.do("evaluate", expression="prompt('?')") == {"value": "from outside"}
        await browser.close()


# what dies


async def test_hosted_actions_are_nobody_who_is_attached(form: Hosted) -> None:
    before = len(form.real.events)
    await form.do("click", locator="#go")
    kinds = {event.type for event in form.real.events[before:]}
    assert "command.finished" in kinds
    assert not {kind for kind in kinds if kind.startswith("connection.")}


async def test_the_door_of_hosted_actions_opens_once_and_to_nobody_else(form: Hosted) -> None:
    attachments = form.real.runtime.attachments
    path = attachments.new_path_of_ours(form.real.runtime.log.run_id)
    gateway = form.real.connect_url.partition("/cdp/")[0]
    async with cdp_client(gateway + path):
        pass
    for wrong in (path, path[:-1], path.rpartition("/")[0] + "/"):
        with pytest.raises(Exception, match="404"):
            async with cdp_client(gateway + wrong):
                pass


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
    await _is_running(doomed, running)
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
    await _is_running(doomed, running)
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


async def test_a_page_that_is_busy_is_left_when_its_time_is_up(
    doomed: Hosted, pages: Pages
) -> None:
    await doomed.do("navigate", url=f"{pages.url}/form")
    await doomed.do("evaluate", expression="void setTimeout(() => { while (true) {} })")
    failed = await doomed.fail("click", locator="#go", timeoutMs=500)
    assert failed["outcome"] == "timed_out"
    assert (await doomed.do("navigate", url=f"{pages.url}/list"))["title"] == "List"


async def test_what_waits_too_long_for_its_turn_is_given_up(
    form: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = form.ask("evaluate", **FOREVER)
    monkeypatch.setattr(invocations, "MOST_WAIT_SECONDS", 0.2)
    waiting = await form.ended(form.ask("reload"))
    assert (waiting["outcome"], waiting["code"]) == ("timed_out", "invocation.timed_out")
    form.invocations.cancel(running)
    await form.ended(running)


async def test_nobody_asks_for_a_while_and_the_connection_is_left(
    doomed: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocations, "REST_SECONDS", 0.1)
    await doomed.do("evaluate", expression="globalThis.kept = 1")
    await eventually(lambda: not doomed.invocations.is_connected)
    assert await doomed.do("evaluate", expression="kept") == {"value": 1}


async def test_a_page_that_is_closed_in_the_middle(doomed: Hosted) -> None:
    await doomed.do("evaluate", expression="1")
    running = doomed.ask("evaluate", **FOREVER)
    await _is_running(doomed, running)
    targets = doomed.real.runtime.targets
    await targets.close(targets.fronts.active)
    assert (await doomed.ended(running))["code"] == "target.not_found"
    assert (await doomed.fail("click", locator="body"))["code"] == "target.not_found"
    assert (await doomed.do("navigate", url="about:blank"))["url"] == "about:blank"


async def test_a_browser_that_dies_ends_all_with_its_reason(doomed: Hosted) -> None:
    await doomed.do("evaluate", expression="1")
    running, waiting = doomed.ask("evaluate", **FOREVER), doomed.ask("reload")
    await _is_running(doomed, running)
    os.kill(doomed.real.pid, signal.SIGKILL)
    for each in (running, waiting):
        assert (await doomed.ended(each))["code"] == "browser.crashed"
    await doomed.real.runtime.ended
    assert [event.type for event in doomed.real.events][-1] == "runtime.lifecycle"


async def test_a_run_that_is_stopped_ends_all_first(doomed: Hosted) -> None:
    await doomed.do("evaluate", expression="1")
    running, waiting = doomed.ask("evaluate", **FOREVER), doomed.ask("reload")
    await _is_running(doomed, running)
    await doomed.real.runtime.stop(ends.REQUESTED)
    for each in (running, waiting):
        assert (await doomed.ended(each))["code"] == "runtime.stop_requested"
    assert [event.type for event in doomed.real.events][-1] == "runtime.lifecycle"

"""Hosted actions are one more client of a browser, and nobody else is the worse for it."""

from __future__ import annotations

import pytest
from playwright.async_api import async_playwright

from schemas import ends
from schemas.runtime_config import RuntimeConfig
from tests.support.eventually import eventually
from tests.support.hosted import Hosted, hosted_runtime
from tests.support.worker_cdp import cdp_client
from worker.tools import invocations


@pytest.mark.browser
async def test_what_runs_keeps_a_run_from_being_idle(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = RuntimeConfig(idle_timeout_seconds=3)
    async with hosted_runtime(tmp_path_factory.mktemp("idle"), config) as hosted:
        slow = "new Promise(done => setTimeout(() => done('awake'), 5000))"
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


async def test_hosted_actions_are_nobody_who_is_attached(form: Hosted) -> None:
    before = len(form.real.events)
    await form.do("click", locator="#go")
    kinds = {event.type for event in form.real.events[before:]}
    assert "command.finished" in kinds
    assert not {kind for kind in kinds if kind.startswith("connection.")}


async def test_the_door_of_hosted_actions_opens_once_and_to_nobody_else(form: Hosted) -> None:
    attachments = form.real.runtime.attachments
    path = attachments.new_path_of_ours(form.real.runtime.log.run_id)
    outside = form.real.connect_url.partition("/cdp/")[0]
    with pytest.raises(Exception, match="404"):  # where others come in, it is no way in
        async with cdp_client(outside + path):
            pass
    gateway = form.real.local_url
    async with cdp_client(gateway + path):
        pass
    for wrong in (path, path[:-1], path.rpartition("/")[0] + "/"):
        with pytest.raises(Exception, match="404"):
            async with cdp_client(gateway + wrong):
                pass


async def test_nobody_asks_for_a_while_and_the_connection_is_left(
    doomed: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocations, "REST_SECONDS", 0.1)
    await doomed.do("evaluate", expression="globalThis.kept = 1")
    await eventually(lambda: not doomed.invocations.is_connected)
    assert await doomed.do("evaluate", expression="kept") == {"value": 1}

"""Hosted actions as their user has them: asked over HTTP, done by a worker, read from the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.async_api import Page

from tests.support.eventually import eventually
from tests.support.hosted_pages import PAGES
from tests.support.run import Run, answer
from tests.support.site_pages import Pages
from tests.support.stack import Stack


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    async with Pages(PAGES) as pages:
        yield pages


async def _ask(run: Run, action: str, **asked: Any) -> dict[str, Any]:
    path = f"/v1/runtimes/{run.runtime_id}/invocations"
    response = await run.http.post(path, json={"action": action} | asked)
    assert response.status_code == 202, response.text
    created: dict[str, Any] = response.json()
    return created


async def _wait(run: Run, invocation_id: str) -> dict[str, Any]:
    path = f"/v1/runtimes/{run.runtime_id}/invocations/{invocation_id}/wait"
    waited: dict[str, Any] = await answer(run.http, "POST", path)
    assert waited["waitStatus"] == "completed", waited
    return waited


async def _do(run: Run, action: str, **asked: Any) -> dict[str, Any]:
    done = await _wait(run, (await _ask(run, action, **asked))["id"])
    assert done["status"] == "succeeded", done["error"]
    return done


def _drivers(stack: Stack) -> list[psutil.Process]:
    children = stack.processes()["worker"].children()
    return [each for each in children if "run-driver" in each.cmdline()]


async def test_what_was_asked_what_it_did_and_what_it_produced(run: Run, pages: Pages) -> None:
    """Side by side in one log: the command, its steps, what the browser did meanwhile, and the artifact."""
    there = await _do(run, "navigate", url=f"{pages.url}/form")
    assert there["output"]["title"] == "Form"
    shot = await _do(run, "screenshot", name="order.png")
    content = await run.http.get(f"/v1/artifacts/{shot['artifactIds'][0]}/content")
    assert content.content.startswith(b"\x89PNG")
    listed = await answer(run.http, "GET", f"/v1/runs/{run.id}/commands")
    hosted = [each for each in listed["data"] if each["executionMode"] == "hosted"]
    assert [each["id"] for each in hosted] == [there["id"], shot["id"]]
    types = [
        each["type"]
        for each in await run.events()
        if each["data"].get("commandId") == there["id"] or each["type"] == "navigation"
    ]
    order = ["command.queued", "command.started", "tool.call.started", "navigation"]
    assert [each for each in dict.fromkeys(types) if each in order] == order
    assert types[-2:] == ["tool.call.finished", "command.finished"]
    assert (await run.get())["counts"]["invocations"] == 2


async def test_an_attached_client_and_hosted_actions_share_a_page(
    run: Run, page: Page, pages: Pages
) -> None:
    await page.goto(f"{pages.url}/form")
    await _do(run, "type", locator={"label": "Your name"}, text="Ann", clear=True)
    assert await page.input_value("#who") == "Ann"
    await page.fill("#who", "Bob")
    read = await _do(run, "evaluate", expression="who.value")
    assert read["output"] == {"value": "Bob"}


async def test_answered_at_once_and_cancelled(run: Run) -> None:
    forever = {"expression": "new Promise(() => {})", "timeoutSeconds": 60}
    asked = [await _ask(run, "evaluate", **forever) for _ in range(2)]
    assert asked[1]["status"] == "queued"
    for each in reversed(asked):
        path = f"/v1/runtimes/{run.runtime_id}/invocations/{each['id']}/cancel"
        await answer(run.http, "POST", path)
    for each in asked:
        assert (await _wait(run, each["id"]))["status"] == "cancelled"


async def test_a_run_that_is_stopped_ends_what_is_open(run: Run) -> None:
    asked = await _ask(run, "evaluate", expression="new Promise(() => {})")
    await run.stop()
    path = f"/v1/runs/{run.id}/invocations/{asked['id']}"
    ended = await answer(run.http, "GET", path)
    assert ended["status"] == "failed"
    assert ended["error"]["code"] == "runtime.stop_requested"


async def test_the_driver_of_a_worker_is_no_keeper_of_its_secrets(tmp_path: Path) -> None:
    """And it goes with the worker, however that dies."""
    async with Stack(tmp_path, NEIGHBOURS_PASSWORD="S3cr3tOfTheNeighbours") as stack:
        run = await stack.run()
        await _do(run, "evaluate", expression="1")
        (driver,) = _drivers(stack)
        assert "S3cr3tOfTheNeighbours" not in str(driver.environ())
        assert "NEIGHBOURS_PASSWORD" in stack.processes()["worker"].environ()
        await stack.end("worker")
        await eventually(lambda: not driver.is_running())

"""Any one process is killed while a page logs: nothing is lost, nothing comes twice, each run ends as it should."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page

from tests.support.eventually import eventually
from tests.support.run import (
    Event,
    Run,
    answer,
    assert_whole,
    console,
    create_runtime,
    start,
)
from tests.support.stack import Stack, alive

COUNT_ON = "window.n = 0; void setInterval(() => console.log(n++), 5)"
ENOUGH = 50


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A stack that may be broken: of each test's own."""
    async with Stack(tmp_path) as stack:
        yield stack


async def _counted(run: Run, at_least: int) -> int:
    """How far the page has counted, once it is far enough; the API may be away meanwhile."""

    async def look() -> int:
        try:
            lines = console(await run.events(type="console.message"))
        except httpx.TransportError:
            return 0
        return len(lines) if len(lines) >= at_least else 0

    return await eventually(look)


async def _counted_on(run: Run, page: Page) -> None:
    """The recorder shows lines that the page wrote after this was called."""
    now = int(await page.evaluate("n"))
    await _counted(run, now + ENOUGH)


def _assert_counted_without_a_gap(events: list[Event]) -> None:
    assert_whole(events)
    lines = console(events)
    assert lines == [str(n) for n in range(len(lines))]


async def test_recorder_killed_mid_run(stack: Stack, run: Run, page: Page) -> None:
    await page.evaluate(COUNT_ON)
    await _counted(run, ENOUGH)
    await stack.kill("recorder")
    await _counted_on(run, page)
    assert await page.evaluate("6 * 7") == 42
    await run.stop()
    _assert_counted_without_a_gap(await run.events())
    assert (await run.get())["status"] == "stopped"


async def test_nats_server_killed_mid_run(stack: Stack, run: Run, page: Page) -> None:
    await page.evaluate(COUNT_ON)
    await _counted(run, ENOUGH)
    await stack.kill("nats")
    assert await page.evaluate("6 * 7") == 42
    await _counted_on(run, page)
    assert (await run.get())["status"] == "active"
    await run.stop()
    _assert_counted_without_a_gap(await run.events())
    told = await run.get()
    assert (told["status"], told["missing"], told["late"]) == ("stopped", [], 0)


async def test_worker_killed_mid_run(stack: Stack, run: Run, page: Page) -> None:
    await page.evaluate(COUNT_ON)
    before = await _counted(run, ENOUGH)
    chromium = stack.browser_of(run)
    assert chromium is not None
    await stack.kill("worker")
    ended = await run.ended()
    assert (ended["status"], ended["missing"]) == ("failed", [])
    assert ended["failure"]["code"] == "runtime.host_restarted"
    assert not alive([chromium])
    assert stack.browser_of(run) is None
    assert stack.directory_of(run) is None
    events = await run.events()
    _assert_counted_without_a_gap(events)
    assert len(console(events)) >= before
    assert events[-1]["data"]["phase"] == "ended"


async def test_worker_killed_while_nats_is_away(stack: Stack, run: Run, page: Page) -> None:
    with stack.frozen():  # `up` brings neither back
        await stack.end("nats")
        await page.evaluate(f"for (let n = 0; n < {ENOUGH}; n++) console.log(n)")
        await eventually(lambda: _spool_holds(stack, f'"text":"{ENOUGH - 1}"'))
        await stack.end("worker")
    ended = await run.ended(60)
    assert ended["failure"]["code"] == "runtime.host_restarted"
    events = await run.events()
    _assert_counted_without_a_gap(events)
    assert len(console(events)) == ENOUGH


def _spool_holds(stack: Stack, text: str) -> bool:
    """Whether the worker has written it to its disk, where it waits for NATS."""
    return any(text in path.read_text() for path in (stack.data / "worker").rglob("*.events"))


async def test_after_its_worker_was_killed_a_runtime_starts_again(stack: Stack, run: Run) -> None:
    await stack.kill("worker")
    await run.ended()
    await eventually(stack.is_ready)
    again = await start(stack.http, run.runtime_id)
    assert again.id != run.id
    assert (await again.stop())["status"] == "stopped"


async def _asked(run: Run, **body: object) -> str:
    """The path of an invocation whose turn has come."""
    path = f"/v1/runtimes/{run.runtime_id}/invocations"
    made = await answer(run.http, "POST", path, json=body)
    await run.event("command.started", commandId=made["id"])
    return f"{path}/{made['id']}"


async def _outcome(run: Run, path: str) -> dict[str, Any]:
    """Of an invocation, once it has ended; the recorder may be away meanwhile."""

    async def look() -> dict[str, Any] | None:
        try:
            found = await answer(run.http, "POST", f"{path}/wait", json={"timeoutMs": 1000})
        except (httpx.HTTPError, AssertionError):
            return None
        return found if found["waitStatus"] == "completed" else None

    return await eventually(look)


async def test_what_is_asked_goes_on_without_the_recorder(stack: Stack, run: Run) -> None:
    slow = "new Promise(done => setTimeout(done, 3000, 'done'))"
    path = await _asked(run, action="evaluate", expression=slow)
    await stack.kill("recorder")
    found = await _outcome(run, path)
    assert (found["status"], found["output"]) == ("succeeded", {"value": "done"})
    await run.stop()


async def test_what_is_asked_ends_with_its_worker(stack: Stack, run: Run) -> None:
    path = await _asked(run, action="wait_for", locator="#never")
    await stack.kill("worker")
    failure = (await run.ended())["failure"]
    found = await _outcome(run, path)
    assert (found["status"], found["error"]["code"]) == ("failed", failure["code"])


async def test_start_without_a_worker(stack: Stack) -> None:
    runtime_id = await create_runtime(stack.http)
    with stack.frozen():  # `up` cannot bring it back
        await stack.end("worker")
        refused = await stack.http.post(f"/v1/runtimes/{runtime_id}/start")
        ready = await stack.http.get("/readyz")
    assert refused.status_code == 503
    problem = refused.json()
    assert problem["code"] == "runtime.host_unavailable"
    assert problem["hint"]
    assert ready.status_code == 200  # history is served all the same
    await eventually(lambda: "worker" in stack.processes())


async def test_everything_stopped_in_order_mid_run(stack: Stack, run: Run, page: Page) -> None:
    await page.evaluate(COUNT_ON)
    await _counted(run, ENOUGH)
    await stack.stop(signal.SIGTERM)
    await stack.start()
    told = await run.ended()
    assert (told["status"], told["missing"]) == ("stopped", [])
    events = await run.events()
    _assert_counted_without_a_gap(events)
    assert events[-1]["data"]["code"] == "runtime.host_drained"


async def test_up_itself_killed_mid_run(
    stack: Stack, run: Run, browser: Browser, page: Page
) -> None:
    await page.evaluate(COUNT_ON)
    before = await _counted(run, ENOUGH)
    await stack.die()
    await eventually(lambda: not stack.processes_of_ours())
    await eventually(lambda: not browser.is_connected())
    await stack.start()
    ended = await run.ended()
    assert ended["failure"]["code"] == "runtime.host_restarted"
    events = await run.events()
    _assert_counted_without_a_gap(events)
    assert len(console(events)) >= before


async def test_one_after_the_other_killed_while_a_run_goes_on(
    stack: Stack, run: Run, page: Page
) -> None:
    await page.evaluate(COUNT_ON)
    await _counted(run, ENOUGH)
    for name in ("nats", "recorder", "nats"):
        await stack.kill(name)
        await _counted_on(run, page)
    await run.stop()
    _assert_counted_without_a_gap(await run.events())

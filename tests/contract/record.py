"""Records streams of real runs for the corpus; what is released is never recorded anew.

    python -m tests.contract.record DIRECTORY [NAME…]

A new stream goes beside those that are there: give it a name of its own, then `python -m tests.contract.corpus`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Error, async_playwright

from deploy import first_run_tour
from deploy.first_run_tour import STOPS
from deploy.site import Site
from recorder.entries import Message
from schemas import subjects
from schemas.envelope import Event
from schemas.events.page import PageOpened
from tests.contract import stories
from tests.contract.corpus import write
from tests.support import recorder_spec as spec
from tests.support.eventually import eventually
from tests.support.faults.stream import nats_client, read_stream
from tests.support.recorder_worker import FakeRun
from tests.support.run import Run, answer, create_runtime, start
from tests.support.stack import Stack

_FRAME = "a frame of another origin"
Scene = Callable[[Stack], Awaitable[None]]


async def a_tour(stack: Stack) -> None:
    """A browser on the demo site: a redirect, errors, a popup, a download, a dialog."""
    much_of_the_same = ("the front page", "a page that writes to the console", "a fetch", _FRAME)
    stops = {name: stop for name, stop in STOPS.items() if name not in much_of_the_same}
    run = await stack.run()
    async with Site() as site:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(first_run_tour, "STOPS", stops)
            await first_run_tour.tour(run.connect_url, site, lambda _: None)
    await run.stop()
    await finalised(stack)


async def a_launch_that_failed(stack: Stack) -> None:
    """The browser's program ends at once."""
    runtime = await create_runtime(stack.http)
    await stack.http.post(f"/v1/runtimes/{runtime}/start")
    await finalised(stack)


async def a_host_that_came_back(stack: Stack) -> None:
    """The worker is killed while it has a browser, and comes back."""
    run = await stack.run()
    await stack.kill("worker")
    await run.ended()
    await finalised(stack)


async def odd_things(stack: Stack) -> None:
    """A frame of another origin, a WebSocket that nobody answers, a page that crashes."""
    run = await stack.run()
    async with Site() as site, async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(run.connect_url)
        page = await browser.contexts[0].new_page()
        await STOPS[_FRAME](page, site)
        await page.evaluate("new WebSocket(location.origin.replace('http', 'ws'))")
        await run.event("network.websocket.closed")
        stack.crash_pages(run)
        await run.event("page.crash")
    await run.stop()
    await finalised(stack)


async def what_was_set_up(stack: Stack) -> None:
    """Spaces and runtimes, with all that they may be given."""
    space = await answer(stack.http, "POST", "/v1/spaces", json={"name": "Löwenzahn 🌼"})
    await create_runtime(stack.http, spaceId=space["id"], metadata={"a": 1, "b": None, "c": True})
    config = {"viewport": {"width": 800, "height": 600}, "locale": "de-DE", "userAgent": "x"}
    await create_runtime(stack.http, name="everything", config=config)
    await start(stack.http, await create_runtime(stack.http))


async def what_changed(stack: Stack) -> None:
    """Spaces and runtimes that are changed and deleted; one has a proxy with a password."""
    space = await answer(stack.http, "POST", "/v1/spaces", json={"name": "first"})
    path = f"/v1/spaces/{space['id']}"
    await answer(stack.http, "PATCH", path, json={"name": "second"})
    proxy = {"server": "http://proxy.example:3128", "username": "me", "password": "swordfish"}
    config = {"proxy": proxy, "idleTimeoutSeconds": 60, "hostLabels": {"region": "eu"}}
    given = {"spaceId": space["id"], "config": config, "metadata": {"job": "one", "n": 1}}
    runtime = f"/v1/runtimes/{await create_runtime(stack.http, **given)}"
    change = {"name": "renamed", "metadata": {"n": None, "ü": 1.5}, "config": {"profile": True}}
    await answer(stack.http, "PATCH", runtime, json=change)
    gone = f"/v1/runtimes/{await create_runtime(stack.http, **given)}"
    await answer(stack.http, "DELETE", gone)
    empty = await answer(stack.http, "POST", "/v1/spaces", json={"name": "empty"})
    await answer(stack.http, "DELETE", f"/v1/spaces/{empty['id']}")


async def what_keys_became(stack: Stack) -> None:
    """A key of one space that is rotated, and the new one revoked; the space allows its browsers one address."""
    wanted = {"name": "one", "egress": {"allow": ["10.0.0.1:80"]}}
    space = await answer(stack.http, "POST", "/v1/spaces", json=wanted)
    key = {"name": "k", "spaceId": space["id"], "scopes": ["read"]}
    made = await answer(stack.http, "POST", "/v1/api-keys", json=key)
    again = await answer(stack.http, "POST", f"/v1/api-keys/{made['id']}/rotate")
    await answer(stack.http, "DELETE", f"/v1/api-keys/{again['id']}")


async def a_profile(stack: Stack) -> None:
    """A runtime that keeps one: saved at a stop, opened again, and not saved when its browser is killed."""
    runtime = await create_runtime(stack.http, profile="kept")
    await (await start(stack.http, runtime)).stop()
    run = await start(stack.http, runtime)
    process = stack.browser_of(run)
    assert process is not None
    process.kill()
    await run.ended()
    await finalised(stack)


async def ways_in(stack: Stack) -> None:
    """A client by a connection of its own, what it does, and the end of that connection; another by the connectUrl."""
    run = await stack.run()
    connections = f"/v1/runtimes/{run.runtime_id}/connections"
    made = await answer(stack.http, "POST", connections, json={"ttlSeconds": 60})
    async with async_playwright() as playwright:
        await playwright.chromium.connect_over_cdp(run.connect_url)
        browser = await playwright.chromium.connect_over_cdp(made["endpoint"]["url"])
        page = await browser.contexts[0].new_page()
        await page.goto("data:text/html,<title>Form</title><input autofocus>")
        await page.fill("input", "what was typed")
        with suppress(Error):
            await page.evaluate("missing()")
        await answer(stack.http, "DELETE", f"{connections}/{made['id']}")
        await run.event("connection.closed")
    await run.stop()
    await finalised(stack)


async def what_was_asked(stack: Stack) -> None:
    """Actions that come to something, to nothing, and to too much; an agent outside that says what it does."""
    run = await stack.run()
    page = "data:text/html,<title>Shop</title><h1>Shoes</h1><input type=password>"
    first = {"action": "navigate", "url": page}
    await _asked(run, {"action": "batch", "actions": [first, {"action": "screenshot"}]})
    await _asked(run, {"action": "type", "locator": "input", "text": "swordfish"})
    await _asked(run, {"action": "click", "locator": {"text": "Sell"}, "timeoutMs": 200})
    noise = "crypto.getRandomValues(new Uint8Array(60000)).join(' ')"
    await _asked(run, {"action": "evaluate", "expression": noise})
    never = {"action": "wait_for", "locator": "#never"}
    await _asked(run, never, cancel=True)
    call = {"toolCallId": "call_1", "tool": "think", "input": {"about": "shoes"}}
    ended = {"toolCallId": "call_1", "tool": "think", "output": ["red", "blue"]}
    usage = {"model": "a-model", "inputTokens": 900, "outputTokens": 80}
    events = [
        {"type": "tool.call.started", "id": "1", "data": call},
        {"type": "llm.usage", "id": "2", "data": {**usage, "toolCallId": "call_1"}},
        {"type": "tool.call.finished", "data": ended},
        {"type": "custom.plan", "name": "plan", "data": {"steps": ["look", {"then": "buy"}]}},
    ]
    path = f"/v1/runs/{run.id}/events"
    await answer(stack.http, "POST", path, json={"events": events})
    await answer(stack.http, "POST", path, json=events[0])
    await run.stop()
    await finalised(stack)
    await eventually(lambda: _has(stack, "file"))


async def what_was_touched(stack: Stack) -> None:
    """A click, typing, and captchas that an agent outside solves and does not."""
    run = await stack.run()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(run.connect_url)
        page = await browser.contexts[0].new_page()
        await page.goto("data:text/html,<title>Form</title><label>Name <input></label>")
        await page.click("input")
        await page.keyboard.type("A")
        await run.event("input.typing")
    solves = [
        {"type": f"captcha.solve.{what}", "data": {"solveId": solve, **more}}
        for solve, what, more in (
            ("1", "started", {"kind": "turnstile", "provider": "p", "url": "http://a/"}),
            ("1", "succeeded", {}),
            ("2", "started", {}),
            ("2", "failed", {"message": "It gave up.", "code": "timeout"}),
        )
    ]
    await answer(run.http, "POST", f"/v1/runs/{run.id}/events", json={"events": solves})
    await run.stop()
    await finalised(stack)


async def _asked(run: Run, body: dict[str, Any], *, cancel: bool = False) -> None:
    """Ask for an action, and wait for its end."""
    path = f"/v1/runtimes/{run.runtime_id}/invocations"
    made = await answer(run.http, "POST", path, json=body)
    if cancel:
        await run.event("command.started", commandId=made["id"])
        await answer(run.http, "POST", f"{path}/{made['id']}/cancel")
    await answer(run.http, "POST", f"{path}/{made['id']}/wait")


SCENES: dict[str, tuple[Scene, dict[str, str]]] = {
    "tour": (a_tour, {}),
    "launch-failed": (a_launch_that_failed, {"RUNREEL_CHROMIUM": "/bin/false"}),
    "host-restarted": (a_host_that_came_back, {}),
    "set-up": (what_was_set_up, {}),
    "changed": (what_changed, {}),
    "keys": (what_keys_became, {}),
    "odd-things": (odd_things, {}),
    "profile": (a_profile, {}),
    "ways-in": (ways_in, {}),
    "touched": (what_was_touched, {}),
    "asked": (what_was_asked, {"RUNREEL_RUN_ARTIFACTS_BYTES": "20000"}),
}
STORIES: dict[str, Scene] = {
    "shop": stories.shop,
    "shop-hosted": stories.shop_hosted,
    "failing": stories.failing,
}
FROM_THE_FUTURE = "from-the-future"


async def finalised(stack: Stack) -> None:
    """Until the one run there is has its digest."""

    await eventually(lambda: _has(stack, "finalised"))


async def _has(stack: Stack, word: str) -> bool:
    """Whether something was told whose subject has that word."""
    return any(word in each.subject.split(".") for each in await streams_of(stack))


async def streams_of(stack: Stack) -> list[Message]:
    """All that both hold."""
    async with nats_client((stack.data / "nats" / "url").read_text().strip()) as client:
        return [
            message
            for stream in (subjects.CONTROL, subjects.RUNS)
            for message in await read_stream(client, stream)
        ]


def from_the_future() -> list[Message]:
    """What a later worker may write, and what nobody should: of three runs, and one that names none."""
    ahead, fine, broken = (FakeRun("w1", "s", f"runtime-{name}", f"run-{name}") for name in "abc")
    unheard = fine.event("page.unheard.of", status="started")
    events = [
        ahead.launching(),
        fine.launching(),
        broken.launching(),
        ahead.event(PageOpened(url="http://a/"), dataversion=99),
        _with_more(fine),
        unheard,
        ahead.ended(),
        unheard,
        broken.event("page.opened"),
        fine.ended(),
    ]
    messages = [spec.message(at, event) for at, event in enumerate(events, 1)]
    bodies = [
        (b"\xff", "runs.s.run-c.w1.x"),
        (b"{}", "runs.s.x"),
        (messages[1].body, "runs.s.run-c.w1.x"),
    ]
    return messages + [
        spec.raw_message(at, subject, body) for at, (body, subject) in enumerate(bodies, 11)
    ]


def _with_more(run: FakeRun) -> Event:
    """A field that nobody knows yet, in a body of today."""
    data = msgspec.Raw(b'{"url":"http://a/","colour":"green"}')
    return msgspec.structs.replace(run.event(PageOpened(url="")), data=data)


def _to_its_end(story: Scene) -> Scene:
    async def played(stack: Stack) -> None:
        await story(stack)
        await finalised(stack)

    return played


async def record(name: str, directory: Path) -> None:
    """Play a scene on a stack of its own, and write down both of its streams."""
    if name == FROM_THE_FUTURE:
        messages = from_the_future()
    else:
        scene, settings = SCENES.get(name) or (_to_its_end(STORIES[name]), {})
        with tempfile.TemporaryDirectory() as data:
            async with Stack(Path(data), **settings) as stack:
                await scene(stack)
                messages = await streams_of(stack)
    write(directory / f"{name}.jsonl{'.gz' if name in STORIES else ''}", messages)


async def main() -> None:
    directory, names = Path(sys.argv[1]), sys.argv[2:] or [*SCENES, FROM_THE_FUTURE]
    for name in names:
        await record(name, directory)


if __name__ == "__main__":
    asyncio.run(main())

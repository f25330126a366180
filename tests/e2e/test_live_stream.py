"""What happens in a browser arrives while it happens, in order, nothing twice, nothing skipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page

from tests.support.eventually import eventually
from tests.support.run import Run, answer, assert_whole, console
from tests.support.sse_frames import Frame, frames

LINES = 60


@pytest.fixture
def path(run: Run) -> str:
    return f"/v1/runs/{run.id}/events/stream"


async def _until_console(stream: AsyncIterator[Frame], text: str) -> list[Frame]:
    """Frames up to the one of that console line."""
    seen: list[Frame] = []
    async for frame in stream:
        seen.append(frame)
        if frame.event == "run.event" and frame.data["data"].get("text") == text:
            return seen
    raise AssertionError(f"the stream ended without {text!r}")


async def _all(stream: AsyncIterator[Frame]) -> list[Frame]:
    return [frame async for frame in stream]


def _events(seen: list[Frame]) -> list[Frame]:
    return [frame for frame in seen if frame.event == "run.event"]


async def test_a_console_line_arrives_while_the_browser_runs(
    run: Run, path: str, page: Page
) -> None:
    async with frames(run.http, path) as stream:
        await page.evaluate("console.log('first')")
        await _until_console(stream, "first")
        await page.evaluate("console.log('second')")
        seen = await _until_console(stream, "second")
    assert seen[-1].data["type"] == "console.message"
    assert (await run.get())["status"] == "active"


async def test_a_stream_begins_at_the_beginning(run: Run, path: str, page: Page) -> None:
    await page.evaluate("console.log('here')")
    async with frames(run.http, path) as stream:
        seen = _events(await _until_console(stream, "here"))
    assert [frame.data["sequence"] for frame in seen] == list(range(1, len(seen) + 1))
    assert seen[0].data["type"] == "runtime.lifecycle"


async def test_after_a_break_comes_exactly_the_rest(run: Run, path: str, page: Page) -> None:
    log_them = f"for (let n = 0; n < {LINES}; n++) console.log(`line ${{n}}`)"
    async with frames(run.http, path) as stream:
        await page.evaluate(log_them)
        before = await _until_console(stream, f"line {LINES // 2}")
    await run.stop()
    last = _events(before)[-1].id
    async with frames(run.http, path, {"last-event-id": last}) as stream:
        after = await _all(stream)
    whole = [frame.data for frame in _events(before) + _events(after)]
    assert whole == await run.events()
    assert [text for text in console(whole) if text[:4] == "line"] == [
        f"line {n}" for n in range(LINES)
    ]


async def test_the_id_of_a_frame_is_a_cursor_of_the_list(run: Run, path: str, page: Page) -> None:
    await page.evaluate("console.log('one'), console.log('two')")
    async with frames(run.http, path) as stream:
        seen = await _until_console(stream, "one")

    async def rest() -> list[str]:
        return console(await run.events(cursor=seen[-1].id))

    assert await eventually(rest) == ["two"]


async def test_the_end_of_the_run_comes_last_and_closes_the_stream(
    run: Run, path: str, browser: Browser
) -> None:
    async with frames(run.http, path) as stream:
        following = asyncio.create_task(_all(stream))
        await run.stop()
        seen = await following
    assert [frame.event for frame in seen].count("run.ended") == 1
    last = seen[-1]
    assert (last.event, last.id) == ("run.ended", "")
    run_now = await run.get()
    assert last.data == {
        "runId": run.id,
        "status": "stopped",
        "finishedAt": run_now["finishedAt"],
        "failure": None,
    }
    assert _events(seen)[-1].data["type"] == "runtime.lifecycle"
    assert_whole([frame.data for frame in _events(seen)])


async def test_a_stream_of_a_run_that_has_ended_gives_all_of_it(run: Run, path: str) -> None:
    await run.stop()
    async with frames(run.http, path) as stream:
        seen = await _all(stream)
    assert [frame.data for frame in _events(seen)] == await run.events()
    assert seen[-1].event == "run.ended"


async def test_followers_see_the_same(run: Run, path: str, page: Page) -> None:
    async def follow() -> list[Frame]:
        async with frames(run.http, path) as stream:
            return _events(await _all(stream))

    following = [asyncio.create_task(follow()) for _ in range(5)]
    await page.evaluate("for (let n = 0; n < 30; n++) console.log(n)")
    await run.stop()
    first, *others = await asyncio.gather(*following)
    assert all(other == first for other in others)


async def test_a_filter_holds_for_the_stream(run: Run, path: str, page: Page) -> None:
    await page.evaluate("console.log('only this')")
    await run.stop()
    async with frames(run.http, path, type="console.*") as stream:
        seen = await _all(stream)
    assert console([frame.data for frame in _events(seen)]) == ["only this"]


async def test_waiting_for_an_event_ends_when_it_happens(run: Run, page: Page) -> None:
    body = {"type": ["console.message"], "timeoutMs": 20_000}
    waiting = asyncio.create_task(
        answer(run.http, "POST", f"/v1/runs/{run.id}/events/wait", json=body)
    )
    n = 0
    while not waiting.done():  # a wait counts from its own beginning, which we cannot see
        n += 1
        await page.evaluate("n => console.log(`awaited ${n}`)", n)
    waited = await waiting
    assert waited["timedOut"] is False
    assert waited["event"]["data"]["text"].startswith("awaited")


async def test_waiting_from_a_cursor_finds_what_has_happened(run: Run, page: Page) -> None:
    await page.evaluate("console.log('past')")
    past = await run.event("console.message", text="past")
    path = f"/v1/runs/{run.id}/events"
    cursor = (await answer(run.http, "GET", path, params={"limit": 1}))["nextCursor"]
    waited = await answer(
        run.http, "POST", f"{path}/wait", json={"type": "console.message", "cursor": cursor}
    )
    assert waited["event"] == past


async def test_waiting_ends_with_the_run(run: Run, browser: Browser) -> None:
    body = {"type": ["page.crash"], "timeoutMs": 20_000}
    path = f"/v1/runs/{run.id}/events/wait"
    waiting = asyncio.create_task(answer(run.http, "POST", path, json=body))
    await run.stop()
    waited = await waiting
    assert (waited["event"], waited["timedOut"], waited["runEnded"]) == (None, False, True)


async def test_waiting_in_vain_says_so(run: Run) -> None:
    body = {"type": ["page.crash"], "timeoutMs": 100}
    waited = await answer(run.http, "POST", f"/v1/runs/{run.id}/events/wait", json=body)
    assert (waited["event"], waited["timedOut"]) == (None, True)

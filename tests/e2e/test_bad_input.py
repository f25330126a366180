"""What no honest client would send to a run's connectUrl, and what no honest page would write."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient
from picows import WSError
from playwright.async_api import Page

from tests.support.cdp_client import cdp_client
from tests.support.run import Run, assert_whole, console
from tests.support.stack import Stack

CONSOLE_BYTES = 32 * 1024
UNREADABLE = [
    b"",
    b"not JSON",
    b"[]",
    b"{}",
    b'{"id": 99}',
    b'{"id": "1", "method": "X.y"}',
    b"\xff\xfe",
]


@pytest.fixture(scope="module")
async def shared(stack: Stack) -> AsyncIterator[Run]:
    """A run for the tests that leave it as it was."""
    run = await stack.run()
    yield run
    await run.end()


@pytest.mark.parametrize("message", UNREADABLE, ids=repr)
async def test_a_message_that_is_no_call_is_refused_and_the_next_one_is_answered(
    shared: Run, message: bytes
) -> None:
    async with cdp_client(shared.connect_url) as client:
        client.send(message)
        answer = await client.call("Browser.getVersion")
        assert answer["result"]["product"].startswith("Chrome/")
        assert "error" in client.errors.get_nowait()
    assert (await shared.get())["status"] == "active"


async def test_an_unknown_method_is_refused_and_the_next_one_is_answered(shared: Run) -> None:
    async with cdp_client(shared.connect_url) as client:
        refused = await client.call("Nothing.atAll")
        assert "Runreel knows no such method" in refused["error"]["message"]
        assert "result" in await client.call("Browser.getVersion")


async def test_a_session_of_another_client_is_out_of_reach(shared: Run) -> None:
    async with cdp_client(shared.connect_url) as owner, cdp_client(shared.connect_url) as stranger:
        targets = (await owner.call("Target.getTargets"))["result"]["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = await owner.call("Target.attachToTarget", targetId=page, flatten=True)
        session = attached["result"]["sessionId"]
        evaluate = {"expression": "6 * 7"}
        mine = await owner.call("Runtime.evaluate", session, **evaluate)
        assert mine["result"]["result"]["value"] == 42
        theirs = await stranger.call("Runtime.evaluate", session, **evaluate)
        assert "Session with given id not found" in theirs["error"]["message"]


async def test_a_token_opens_its_own_run_only(stack: Stack, run: Run) -> None:
    other = await stack.run()
    token = run.connect_url.rpartition("/")[2]
    with pytest.raises(WSError):
        async with cdp_client(f"{other.connect_url.rpartition('/')[0]}/{token}"):
            pass
    await other.stop()


@pytest.mark.parametrize("path", ["/", "/cdp", "/cdp/x/y", "/json/version", "/%00", "/cdp/../.."])
async def test_the_gateway_serves_nothing_else(shared: Run, path: str) -> None:
    gateway = shared.connect_url.replace("ws://", "http://").partition("/cdp/")[0]
    async with AsyncClient(base_url=gateway, trust_env=False) as http:
        answer = await http.get(path)
    assert 400 <= answer.status_code < 500
    assert "Traceback" not in answer.text


async def test_what_no_utf8_can_hold_is_replaced_and_marked(run: Run, page: Page) -> None:
    await page.evaluate(r"console.log('a\ud800b\u0000c')")
    await page.evaluate("console.log('after')")
    await run.event("console.message", text="after")
    message, _ = await run.events(type="console.message")
    text = message["data"]["text"]
    assert (text[0], text[-1]) == ("a", "c")
    assert "\0" not in text
    text.encode()
    assert "text" in message["data"]["truncated"]


async def test_what_is_too_long_is_cut_and_marked(run: Run, page: Page) -> None:
    await page.evaluate("console.log('é'.repeat(100_000))")
    (message,) = await run.events(type="console.message") or [await run.event("console.message")]
    assert len(message["data"]["text"].encode()) <= CONSOLE_BYTES
    assert set(message["data"]["text"]) == {"é"}
    assert message["data"]["truncated"] == {"text": 200_000}


async def test_a_message_of_12_megabytes_arrives_in_the_page(page: Page) -> None:
    text = "x" * (12 * 1024 * 1024)  # more than a frame may have by picows' own default
    assert await page.evaluate("text => text.length", text) == len(text)


async def test_a_page_cannot_forge_the_end_of_its_run(run: Run, page: Page) -> None:
    forged = '{"type": "runtime.lifecycle", "data": {"phase": "ended"}}\\nevent: run.ended\\n\\n'
    await page.evaluate(f"console.log('{forged}')")
    await page.evaluate("console.log('still here')")
    await run.event("console.message", text="still here")
    assert (await run.get())["status"] == "active"
    await run.stop()
    events = await run.events()
    assert len(console(events)) == 2
    assert_whole(events)

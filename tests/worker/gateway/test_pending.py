"""What clients do over CDP, as the run's events tell it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw

from schemas.ends import REQUESTED
from schemas.envelope import Event
from schemas.events.connection import ConnectionCommand
from schemas.runtime_config import Record, RuntimeConfig
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import CdpClient, CdpPage, CdpRefused, cdp_client
from tests.support.worker_pages import Pages
from worker.fact import Fact
from worker.gateway.pending import Pending
from worker.gateway.policy import Call

pytestmark = pytest.mark.browser


def commands(real: RealRuntime, before: int = 0) -> list[tuple[Event, dict[str, Any]]]:
    """The events of commands behind the first `before`."""
    found = [event for event in real.events if event.type == "connection.command"]
    return [(event, real.body(event)) for event in found[before:]]


async def command(real: RealRuntime, before: int, method: str) -> tuple[Event, dict[str, Any]]:
    """The first of that method, once it is told."""
    return await eventually(
        lambda: next((each for each in commands(real, before) if each[1]["method"] == method), None)
    )


async def test_what_acts_is_told_with_its_answer(
    real: RealRuntime, page: CdpPage, site: Pages
) -> None:
    before = len(commands(real))
    url = f"{site.url}/blank.html?token=S3cr3t"
    await page.goto(url)
    event, body = await command(real, before, "Page.navigate")
    assert (event.status, event.pageid) == ("finished", page.target)
    assert body["targetId"] == page.target
    assert body["params"] == {"url": f"{site.url}/blank.html?token=[redacted]"}
    assert event.durationms is not None
    opened = [e.connectionid for e in real.events if e.type == "connection.opened"]
    assert event.connectionid == opened[-1]
    assert "Page.enable" not in [each["method"] for _, each in commands(real, before)]


async def test_what_was_evaluated_is_told_by_its_size(real: RealRuntime, page: CdpPage) -> None:
    before = len(commands(real))
    assert await page.evaluate("'S3cr3t'.length") == 6
    _, body = await command(real, before, "Runtime.evaluate")
    assert body["params"] == {"expressionBytes": 15, "returnByValue": True, "awaitPromise": True}


async def test_an_error_is_told_as_the_client_heard_it(
    real: RealRuntime, page: CdpPage, client: CdpClient
) -> None:
    before = len(commands(real))
    with pytest.raises(CdpRefused) as refused:
        await page.call("Input.dispatchMouseEvent", type="novelty", x=1, y=2)
    event, body = await command(real, before, "Input.dispatchMouseEvent")
    assert event.status == "failed"
    assert body["error"] == {"message": str(refused.value), "code": refused.value.code}
    with pytest.raises(CdpRefused):
        await client.call("Runtime.evaluate", "F" * 32, expression="1")
    event, body = await command(real, before, "Runtime.evaluate")
    assert (event.status, body["error"]["code"]) == ("failed", -32001)
    assert "targetId" not in body


async def test_what_is_never_answered_is_told_when_the_client_leaves(real: RealRuntime) -> None:
    before = len(commands(real))
    async with cdp_client(real.connect_url) as leaving:
        page = await leaving.new_page()
        waiting = leaving.expect(5_000)
        leaving.send(
            b'{"id":5000,"method":"Runtime.evaluate","params":{"expression":"new Promise(() => 0)",'
            b'"awaitPromise":true},"sessionId":"%s"}' % page.session.encode()
        )
        await page.call("Runtime.enable")
    with pytest.raises(ConnectionError):
        await waiting
    event, body = await command(real, before, "Runtime.evaluate")
    assert event.status == "stopped"
    assert body["error"] == {"message": "The connection ended before it was answered."}
    told = [e.type for e in real.events if e.connectionid == event.connectionid]
    assert told.index("connection.command") < told.index("connection.closed")


async def test_what_its_target_took_along_is_told(real: RealRuntime, client: CdpClient) -> None:
    before = len(commands(real))
    page = await client.new_page()
    waiting = client.expect(5_000)
    client.send(
        b'{"id":5000,"method":"Runtime.evaluate","params":{"expression":"new Promise(() => 0)",'
        b'"awaitPromise":true},"sessionId":"%s"}' % page.session.encode()
    )
    await page.close()
    event, body = await command(real, before, "Runtime.evaluate")
    assert event.status in ("stopped", "failed")  # Chromium may find the time to refuse it
    assert body["targetId"] == page.target
    waiting.cancel()


async def test_what_waits_is_bounded(
    real: RealRuntime, page: CdpPage, client: CdpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.gateway.pending.MOST_WAITING", 2)
    before = len(commands(real))
    waiting = [client.expect(number) for number in (5_000, 5_001, 5_002)]
    for number in (5_000, 5_001, 5_002):
        client.send(
            b'{"id":%d,"method":"Runtime.evaluate","params":{"expression":"new Promise(() => %d)",'
            b'"awaitPromise":true},"sessionId":"%s"}' % (number, number, page.session.encode())
        )
    event, body = await command(real, before, "Runtime.evaluate")
    assert event.status == "stopped"
    assert body["error"]["message"].startswith("Too many calls waited")
    await page.call("Page.bringToFront")
    told = [body["method"] for _, body in commands(real, before)]
    assert (
        told.count("Runtime.evaluate") == 2
    )  # the second made room for the one that was told last
    for each in waiting:
        each.cancel()


async def test_long_parameters_are_not_kept_while_their_call_waits() -> None:
    facts: list[Fact] = []
    pending = Pending(facts.append, Record(), connection_id="c", attachment_id=UNSET)
    params = {"url": "x" * 1_000_000, "expression": "y" * 1_000_000, "timeout": 5}
    call = Call(id=1, method="Page.navigate", params=Raw(msgspec.json.encode(params)))
    pending.add(b"", call, None)
    [made] = pending._made.values()
    assert made.params == {"url": "x" * 65_536, "expressionBytes": 1_000_000, "timeout": 5}
    pending.answered_here(b"", 1)
    pending.end()
    [fact] = facts
    assert isinstance(fact.data, ConnectionCommand)
    assert fact.data.params == made.params


async def test_browser_close_is_told_though_it_never_reached_the_browser(real: RealRuntime) -> None:
    before = len(commands(real))
    async with cdp_client(real.connect_url) as leaving:
        await leaving.call("Browser.close")
        await leaving.closed.wait()
    event, _ = await command(real, before, "Browser.close")
    assert event.status == "finished"


async def test_a_page_made_with_a_url_is_told_as_it_was_asked_for(
    real: RealRuntime, client: CdpClient, site: Pages
) -> None:
    before = len(commands(real))
    page = await client.new_page(f"{site.url}/blank.html")
    _, body = await command(real, before, "Target.createTarget")
    assert body["params"] == {"url": f"{site.url}/blank.html"}
    await page.close()


async def test_all_of_it_where_that_is_wanted_and_what_is_typed(tmp_path: Path) -> None:
    config = RuntimeConfig(record=Record(cdp="all", input_text=True))
    async with real_runtime(tmp_path, config) as real, cdp_client(real.connect_url) as client:
        page = await client.new_page()
        await page.call("Page.enable")
        await page.call("Input.insertText", text="hello")
        await real.runtime.stop(REQUESTED)
        told = {body["method"]: body for _, body in commands(real)}
    assert {"Target.attachToTarget", "Page.enable"} <= told.keys()
    assert told["Input.insertText"]["params"] == {"text": "hello"}

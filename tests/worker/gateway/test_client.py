from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from schemas.ends import REQUESTED
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import CdpClient, CdpPage, CdpRefused, cdp_client
from tests.support.worker_pages import Pages

pytestmark = pytest.mark.browser

MEGABYTE = 1024 * 1024


async def test_a_connection_is_recorded_from_its_opening_to_its_close(real: RealRuntime) -> None:
    before = len(real.of("connection.opened"))
    async with cdp_client(real.connect_url) as client:
        await client.call("Browser.getVersion")
        opened = await eventually(lambda: real.of("connection.opened")[before:])
        assert opened[0]["clientAddress"].startswith("127.0.0.1:")
    address = opened[0]["clientAddress"]
    closed = await real.until("connection.closed", clientAddress=address)
    assert (closed["messagesFromClient"], closed["messagesToClient"]) == (1, 1)
    assert closed["bytesFromClient"] > 0
    assert closed["reason"] == "closed by client"
    ids = [
        event.connectionid
        for event in real.events
        if event.type == "connection.opened" and "attachmentId" not in real.body(event)
    ]
    assert len(set(ids)) == len(ids)


async def test_a_client_that_goes_without_a_word(real: RealRuntime) -> None:
    before = len(real.of("connection.closed"))
    async with cdp_client(real.connect_url) as client:
        await client.call("Browser.getVersion")
        await client.break_off()
        closed = (await eventually(lambda: real.of("connection.closed")[before:]))[0]
    assert closed["reason"] == "connection lost"
    assert "closeCode" not in closed


async def test_two_clients_may_use_the_same_message_ids(real: RealRuntime) -> None:
    async with cdp_client(real.connect_url) as one, cdp_client(real.connect_url) as two:
        pages = await asyncio.gather(one.new_page(), two.new_page())
        results = await asyncio.gather(
            *(page.evaluate(str(number)) for number, page in enumerate(pages * 10))
        )
        assert results == list(range(20))
        for page in pages:
            await page.close()


async def test_events_of_one_client_do_not_reach_the_other(
    real: RealRuntime, page: CdpPage, site: Pages
) -> None:
    async with cdp_client(real.connect_url) as other:
        await page.goto(f"{site.url}/blank.html")
        await other.call("Browser.getVersion")
        assert other.events == []
        await other.call("Target.setDiscoverTargets", discover=True)
        assert (await other.event("Target.targetCreated"))["targetInfo"]


async def test_browser_close_ends_that_client_and_nobody_else(
    real: RealRuntime, page: CdpPage
) -> None:
    async with cdp_client(real.connect_url) as leaving:
        assert await leaving.call("Browser.close") == {}
        await leaving.closed.wait()
    assert await page.evaluate("1 + 1") == 2
    assert not real.runtime.log.ended
    await real.until("connection.closed", reason="Browser.close by client")


async def test_a_client_cannot_use_the_session_of_another(real: RealRuntime, page: CdpPage) -> None:
    async with cdp_client(real.connect_url) as other:
        with pytest.raises(CdpRefused) as refused:
            await other.call("Runtime.evaluate", page.session, expression="1")
        assert refused.value.code == -32001
        with pytest.raises(CdpRefused) as refused:
            await other.call("Runtime.evaluate", "F" * 32, expression="1")
        assert refused.value.code == -32001


@pytest.mark.parametrize(
    "message",
    [
        b'{"id":%d,"method":"Runtime.evaluate","params":{"expression":"window.hit=1"},'
        b'"sessionId":"%s","sessionId":null}',
        b'{"id":%d,"method":"Runtime.evaluate","params":{"expression":"window.hit=1"},'
        b'"session\\u0049d":"%s"}',
        b'{"id":%d,"sessionId":null,"method":"Runtime.evaluate",'
        b'"params":{"expression":"window.hit=1"},"sessionId":"%s"}',
    ],
)
async def test_a_client_that_hides_the_session_of_another(
    real: RealRuntime, page: CdpPage, message: bytes
) -> None:
    async with cdp_client(real.connect_url) as other:
        refused = other.expect(5_000)
        other.send(message % (5_000, page.session.encode()))
        await other.call("Browser.getVersion")
        assert await page.evaluate("window.hit ?? 0") == 0
        assert not refused.done() or "error" in refused.result()
        refused.cancel()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"garbage",
        b"[]",
        b"{}",
        b'{"id":"1","method":"A.b"}',
        b'{"id":99999999999,"method":"A.b"}',
    ],
)
async def test_a_message_that_is_no_call_is_answered_with_an_error(
    real: RealRuntime, client: CdpClient, message: bytes
) -> None:
    client.send(message)
    await client.call("Browser.getVersion")
    assert [answer["error"]["code"] for answer in client.unasked] == [-32600]
    assert not real.runtime.log.ended


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b',"method":7',
        b',"method":"\xff"',
        b',"method":"' + b"x" * 101 + b'"',
        b',"method":"Browser.getVersion","params":7',
        b',"method":"Browser.getVersion","params":{"x":' + b"[" * 299 + b"]" * 299 + b"}",
        b',"method":"Browser.getVersion","params":{"x":"\xff"}',
        b',"method":"Browser.getVersion","params":{"x":1e999}',
        b',"method":"Browser.getVersion","params":{"x":' + b"1" * 400 + b"}",
        b',"method":"Browser.getVersion","params":{"x":"\\q"}',
        b',"method":"Browser.getVersion","sessionId":7',
    ],
)
async def test_a_call_that_cannot_be_read_is_answered_by_its_id(
    real: RealRuntime, client: CdpClient, rest: bytes
) -> None:
    by_id = client.expect(900)
    client.send(b'{"id":900' + rest + b"}")
    await client.call("Browser.getVersion")
    answer = by_id.result() if by_id.done() else client.unasked.pop()  # where no JSON is, no id is
    assert answer["error"]["code"] == -32600
    assert not real.runtime.log.ended
    by_id.cancel()


@pytest.mark.parametrize(
    "message",
    [
        b'{"id":900,"method":"A.b"}\0{"id":901,"method":"Browser.close"}',
        b'{"id":900,"method":"A.b","params":"\0"}',
    ],
)
async def test_a_message_cannot_be_two(client: CdpClient, message: bytes) -> None:
    client.send(message)
    await client.call("Browser.getVersion")
    assert [answer["error"]["code"] for answer in client.unasked] == [-32600]


@pytest.mark.parametrize(
    "message",
    [
        b'{"id":900,"method":"Browser.close","method":"Browser.getVersion"}',
        b'{"id":900,"method":"Browser.getVersion","more":[1],"params":null}',
        b' {"params":{"x":'
        + b"[" * 298
        + b"]" * 298
        + b'},"method":"Browser.getVersion","id":900} ',
        b'{"id":900,"method":"Browser.getVersion","sessionId":null}',
        b'{"id":900,"method":"Browser.getVersion","params":{"x":"\\ud800"}}',
        b'{"id":900,"m\\u0065thod":"Browser.getVersion"}',
        b'{"id":900,"method":"Browser.getVersion","more":"\\ud800"}',
    ],
)
async def test_what_goes_to_the_browser_is_the_call_that_was_read(
    client: CdpClient, message: bytes
) -> None:
    answered = client.expect(900)
    client.send(message)
    assert "product" in (await answered)["result"]


async def test_half_a_pair_of_surrogates_arrives_as_it_was_sent(
    client: CdpClient, page: CdpPage
) -> None:
    answered = client.expect(900)
    expression = rb"'\ud83d'.charCodeAt(0)"
    head = b'{"id":900,"method":"Runtime.evaluate","params":{"expression":"'
    client.send(head + expression + b'"},"sessionId":"%s"}' % page.session.encode())
    assert (await answered)["result"]["result"]["value"] == 0xD83D


async def test_a_message_of_64_megabytes_both_ways(page: CdpPage) -> None:
    text = "x" * (64 * MEGABYTE)
    assert await page.evaluate(f"'{text}'.length") == 64 * MEGABYTE
    assert len(await page.evaluate("'y'.repeat(64 * 1024 * 1024)")) == 64 * MEGABYTE


async def test_a_client_that_leaves_takes_its_sessions_and_not_its_pages(
    real: RealRuntime, client: CdpClient
) -> None:
    async with cdp_client(real.connect_url) as leaving:
        page = await leaving.new_page()
    targets = (await client.call("Target.getTargets"))["targetInfos"]
    assert page.target in [target["targetId"] for target in targets]
    await eventually(
        lambda: real.runtime.browser.switchboard.owner_of(page.session.encode()) is None
    )
    await client.call("Target.closeTarget", targetId=page.target)


async def test_the_run_ends_while_a_client_is_attached(tmp_path: Path) -> None:
    async with real_runtime(tmp_path) as real, cdp_client(real.connect_url) as client:
        await client.call("Browser.getVersion")
        await real.runtime.stop(REQUESTED)
        await client.closed.wait()
        types = [event.type for event in real.events]
        assert types[-2:] == ["connection.closed", "runtime.lifecycle"]

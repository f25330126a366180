"""Connections: URLs of their own, which expire and are revoked."""

from __future__ import annotations

import asyncio
import time

import pytest
from picows import WSCloseCode, WSError, ws_connect

from schemas.times import milliseconds
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.worker_cdp import CdpClient, cdp_client
from worker.gateway.attachments import Created
from worker.gateway.client import Client

pytestmark = pytest.mark.browser


def created(real: RealRuntime, ttl_seconds: int = 60) -> Created:
    made = real.runtime.attachments.create_connection(ttl_seconds)
    assert made is not None
    return made


async def refusal(url: str) -> str:
    """What a client is told that is not let in; empty while it is."""
    try:
        transport, _ = await ws_connect(CdpClient, url)
    except WSError as error:
        return f"{error} {getattr(error, 'raw_body', b'') or b''!r}"
    transport.disconnect()
    return ""


async def test_a_connection_lets_clients_in_and_is_named_in_their_events(real: RealRuntime) -> None:
    made = created(real)
    body = real.find("connection.created", expiresAt=made.expires_at)
    assert body is not None
    assert body["protocol"] == "cdp"
    async with (
        cdp_client(real.connection_url(made.connection_id)) as one,
        cdp_client(real.connection_url(made.connection_id)) as two,
    ):
        await one.call("Target.createBrowserContext")
        await two.call("Browser.getVersion")
        opened = await eventually(lambda: pair(of(real, made, "connection.opened")))
    closed = await eventually(lambda: pair(of(real, made, "connection.closed")))
    attachments = {each["attachmentId"] for each in opened}
    assert {each["attachmentId"] for each in closed} == attachments
    assert len(attachments) == 2
    assert of(real, made, "connection.command")[0]["attachmentId"] in attachments


def pair(found: list[dict[str, object]]) -> list[dict[str, object]] | None:
    return found if len(found) == 2 else None


def of(real: RealRuntime, made: Created, event_type: str) -> list[dict[str, object]]:
    return [
        real.body(event)
        for event in real.events
        if event.type == event_type and event.connectionid == made.connection_id
    ]


async def test_by_the_connect_url_a_client_is_its_own_connection(
    real: RealRuntime, client: CdpClient
) -> None:
    await client.call("Browser.getVersion")
    assert "attachmentId" not in real.of("connection.opened")[-1]


async def test_a_revoked_connection_drops_its_clients_and_lets_none_in(real: RealRuntime) -> None:
    made, other = created(real), created(real)
    url = real.connection_url(made.connection_id)
    async with (
        cdp_client(url) as one,
        cdp_client(url) as two,
        cdp_client(real.connection_url(other.connection_id)) as stays,
        cdp_client(real.connect_url) as stays_too,
    ):
        await asyncio.gather(*(each.call("Browser.getVersion") for each in (one, two)))
        assert real.runtime.attachments.revoke_connection(made.connection_id) is not None
        await asyncio.gather(one.closed.wait(), two.closed.wait())
        assert (one.close_code, one.close_reason) == (1008, "the connection was revoked")
        for each in (stays, stays_too):
            assert await each.call("Browser.getVersion")
    told = [
        (event.type, real.body(event).get("dropped"), real.body(event).get("reason"))
        for event in real.events
        if event.connectionid == made.connection_id
        and event.type in ("connection.revoked", "connection.closed")
    ]
    assert told == [
        ("connection.revoked", 2, None),  # as requested, which is the default
        ("connection.closed", None, "the connection was revoked"),
        ("connection.closed", None, "the connection was revoked"),
    ]
    assert "410" in await refusal(url)
    assert real.runtime.attachments.revoke_connection(made.connection_id) is None
    assert real.runtime.attachments.revoke_connection("unknown") is None


async def test_a_client_that_does_not_read_is_dropped_all_the_same(real: RealRuntime) -> None:
    made = created(real)
    async with cdp_client(real.connection_url(made.connection_id)) as client:
        page = await client.new_page()
        assert client._transport is not None
        socket = client._transport.underlying_transport
        socket.pause_reading()
        client.expect(5_000).cancel()
        client.send(
            b'{"id":5000,"method":"Runtime.evaluate","params":{"expression":"\'x\'.repeat(2**26)",'
            b'"returnByValue":true},"sessionId":"%s"}' % page.session.encode()
        )
        await eventually(
            lambda: any(
                each._transport and each._transport.underlying_transport.get_write_buffer_size()
                for each in real.runtime.attachments._clients
            )
        )
        real.runtime.attachments.revoke_connection(made.connection_id)
        assert await eventually(lambda: of(real, made, "connection.closed"))
        client._answers.clear()
        socket.abort()


async def test_a_client_that_is_still_opening_is_dropped_for_good(
    real: RealRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, attachments = created(real), real.runtime.attachments
    came = attachments.came

    def came_and_revoked(client: Client) -> None:
        came(client)
        attachments.revoke_connection(made.connection_id)

    monkeypatch.setattr(attachments, "came", came_and_revoked)
    async with cdp_client(real.connection_url(made.connection_id)) as client:
        await client.closed.wait()
        assert client.close_reason == "the connection was revoked"
    monkeypatch.undo()
    await attachments._background.finished()
    told = [event.type for event in real.events if event.connectionid == made.connection_id]
    assert told == ["connection.created", "connection.revoked"]


@pytest.mark.parametrize("closed_by_us", [True, False])
async def test_what_a_client_never_reads_is_thrown_away_once_it_has_ended(
    real: RealRuntime, monkeypatch: pytest.MonkeyPatch, closed_by_us: bool
) -> None:
    monkeypatch.setattr("worker.gateway.client.CLOSE_SECONDS", 0.2)
    async with cdp_client(real.connection_url(created(real).connection_id)) as client:
        page = await client.new_page()
        [attached] = real.runtime.attachments._clients
        assert attached._transport is not None
        assert client._transport is not None
        waits = attached._transport.underlying_transport
        client._transport.underlying_transport.pause_reading()
        client.expect(5_000).cancel()
        client.send(
            b'{"id":5000,"method":"Runtime.evaluate","params":{"expression":"\'x\'.repeat(2**26)",'
            b'"returnByValue":true},"sessionId":"%s"}' % page.session.encode()
        )
        await eventually(waits.get_write_buffer_size)
        if closed_by_us:
            attached.go_away("the run is over")
        else:
            client._transport.send_close(WSCloseCode.OK)
        await eventually(lambda: waits.get_write_buffer_size() == 0)
        client._answers.clear()
        client._transport.underlying_transport.abort()


async def test_an_expired_connection_lets_none_in_and_keeps_who_is(real: RealRuntime) -> None:
    made = created(real, ttl_seconds=5)
    url = real.connection_url(made.connection_id)
    left_ms = milliseconds(made.expires_at) - time.time() * 1000
    assert 0 < left_ms <= 5000
    async with cdp_client(url) as client:

        async def is_refused() -> bool:
            return "410" in await refusal(url)

        await eventually(is_refused)
        assert await client.call("Browser.getVersion")
        real.runtime.attachments.revoke_connection(made.connection_id)
        await client.closed.wait()


async def test_another_token_or_connection_leads_nowhere(real: RealRuntime) -> None:
    url = real.connection_url(created(real).connection_id)
    for wrong in (url[:-1] + ("0" if url[-1] != "0" else "1"), real.connection_url("unknown")):
        assert "404" in await refusal(wrong)

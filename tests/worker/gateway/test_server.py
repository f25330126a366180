from __future__ import annotations

import asyncio
import re
import socket
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from picows import WSError, ws_connect

from schemas.ends import REQUESTED
from schemas.problems import CannotStart
from schemas.settings import WorkerSettings
from schemas.tokens import connect_token
from tests.support.eventually import eventually
from tests.support.real_runtime import SECRET, RealRuntime, real_runtime
from tests.support.worker_cdp import CdpClient, cdp_client
from worker.app import run
from worker.gateway import entrance
from worker.gateway.attachments import MOST_CLIENTS
from worker.gateway.entrance import WRONG_AT_ONCE, Entrance
from worker.gateway.server import Gateway


async def refused(url: str) -> None:
    with pytest.raises(WSError, match="404"):
        await ws_connect(CdpClient, url)


@pytest.mark.browser
async def test_the_url_of_a_run_leads_to_it(real: RealRuntime) -> None:
    for url in (real.connect_url, real.connect_url + "/", real.connect_url + "?puppeteer"):
        async with cdp_client(url) as client:
            assert (await client.call("Browser.getVersion"))[
                "product"
            ] == real.runtime.browser.product


@pytest.mark.browser
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/cdp",
        "/cdp/{run}",
        "/cdp/{run}/",
        "/cdp/{run}/{wrong}",
        "/cdp/{run}/{token}x",
        "/cdp/{run}/{upper}",
        "/cdp/{other}/{token}",
        "/cdp/{other}/{token_of_other}",
        "/CDP/{run}/{token}",
        "/cdp/{run}/{token}/more",
        "/x/cdp/{run}/{token}",
        "/cdp/{run}/%ff",
    ],
)
async def test_any_other_url_leads_nowhere(real: RealRuntime, path: str) -> None:
    run = real.runtime.log.run_id
    other = run[:-1] + ("0" if run[-1] != "0" else "1")
    token = connect_token(SECRET, run)
    base = re.sub("/cdp/.*", "", real.connect_url)
    await refused(
        base
        + path.format(
            run=run,
            other=other,
            token=token,
            upper=token.upper(),
            wrong=connect_token("another secret of sixteen", run),
            token_of_other=connect_token(SECRET, other),
        )
    )


@pytest.mark.browser
async def test_a_client_whose_machine_is_gone_is_found_out(real: RealRuntime) -> None:
    async with cdp_client(real.connect_url) as client:
        await client.call("Browser.getVersion")
        [attached] = real.runtime.attachments._clients
        assert attached._transport is not None
        accepted = attached._transport.underlying_transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [accepted.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [15, 5, 3]


@pytest.mark.browser
async def test_after_the_end_of_the_run_its_url_leads_nowhere(tmp_path: Path) -> None:
    async with real_runtime(tmp_path) as real:
        await real.runtime.stop(REQUESTED)
        await refused(real.connect_url)


@pytest.mark.browser
async def test_pages_and_other_names_are_refused_whatever_the_url(real: RealRuntime) -> None:
    for header in ({"Origin": "https://evil.example"}, {"Host": "rebound.example"}):
        with pytest.raises(WSError, match="403"):
            await ws_connect(CdpClient, real.connect_url, extra_headers=header)


@pytest.mark.browser
async def test_who_tries_urls_hears_to_wait_and_who_has_one_comes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "WRONG_PER_SECOND", 1e-6)  # nothing comes back meanwhile
    async with real_runtime(tmp_path) as real:
        for _ in range(WRONG_AT_ONCE):
            await refused(real.connect_url + "x")
        with pytest.raises(WSError, match="429"):
            await ws_connect(CdpClient, real.connect_url + "x")
        async with cdp_client(real.connect_url) as client:
            await client.call("Browser.getVersion")


@pytest.mark.browser
async def test_a_run_has_so_many_clients_and_no_more(tmp_path: Path) -> None:
    async with real_runtime(tmp_path) as real, AsyncExitStack() as attached:
        clients = [
            await attached.enter_async_context(cdp_client(real.connect_url))
            for _ in range(MOST_CLIENTS)
        ]
        with pytest.raises(WSError, match="429"):
            await ws_connect(CdpClient, real.connect_url)
        assert await clients[0].call("Browser.getVersion")
        await clients[0].break_off()
        await eventually(lambda: not real.runtime.attachments.is_full)
        async with cdp_client(real.connect_url) as client:
            assert await client.call("Browser.getVersion")


@pytest.mark.browser
async def test_by_tls(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with real_runtime(tmp_path, tls=context) as real:
        assert real.connect_url.startswith("wss://")
        strict = ssl.create_default_context()
        with pytest.raises(ssl.SSLError):
            await ws_connect(CdpClient, real.connect_url, ssl_context=strict)
        assert await answer_in_clear(real) == b""
        _, client = await ws_connect(CdpClient, real.connect_url, ssl_context=trusting)
        assert isinstance(client, CdpClient)
        page = await client.new_page()
        assert await page.evaluate("'x'.repeat(2e6).length") == 2_000_000
        await client.disconnect()


async def answer_in_clear(real: RealRuntime) -> bytes:
    """What the gateway answers who speaks no TLS, but for alerts."""
    host, port = urlsplit(real.connect_url).netloc.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    path = urlsplit(real.connect_url).path
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    try:
        return (await reader.read()).partition(b"\x15\x03")[0]
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.browser
async def test_behind_a_proxy_it_says_for_whom(tmp_path: Path) -> None:
    gateway = Gateway(secret=SECRET, entrance=Entrance(behind_proxy="127.0.0.0/8"))
    async with real_runtime(tmp_path, gateway=gateway) as real:
        asked = {"X-Forwarded-For": "1.1.1.1, 192.0.2.9"}
        _, client = await ws_connect(CdpClient, real.connect_url, extra_headers=asked)
        assert isinstance(client, CdpClient)
        await client.call("Browser.getVersion")
        await real.until("connection.opened", clientAddress="192.0.2.9")
        await client.disconnect()


@pytest.mark.browser
async def test_round_the_proxy_nobody_comes_in(tmp_path: Path) -> None:
    gateway = Gateway(secret=SECRET, entrance=Entrance(behind_proxy="10.0.0.0/24"))
    async with real_runtime(tmp_path, gateway=gateway) as real:
        with pytest.raises(WSError, match="403"):
            await ws_connect(CdpClient, real.connect_url)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "worker.example"])
async def test_beyond_this_machine_a_worker_wants_tls(tmp_path: Path, host: str) -> None:
    settings = WorkerSettings(secret=SECRET, worker_id="w1", host=host, state_dir=str(tmp_path))
    with pytest.raises(CannotStart, match="refuses to listen"):
        await run(settings)
    assert not list(tmp_path.iterdir())


async def test_before_there_are_runs_every_url_leads_nowhere() -> None:
    gateway = Gateway(secret=SECRET)
    port = await gateway.listen("127.0.0.1", 0)
    await refused(f"ws://127.0.0.1:{port}/cdp/run/{connect_token(SECRET, 'run')}")
    gateway.close()


async def test_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"127.0.0.1:{port}"):
            await Gateway(secret=SECRET).listen("127.0.0.1", port)

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from picows import WSError, ws_connect

from schemas.ends import REQUESTED
from schemas.problems import CannotStart
from schemas.tokens import connect_token
from tests.support.real_runtime import SECRET, RealRuntime, real_runtime
from tests.support.worker_cdp import CdpClient, cdp_client
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

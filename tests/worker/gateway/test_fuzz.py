"""Ten thousand hostile or broken messages: answered, or the client closed with a reason; and nobody else notices."""

from __future__ import annotations

import gc
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from picows import WSFrame, WSMsgType, WSTransport, ws_connect

from tests.support.cdp_fuzz import Fuzz
from tests.support.escapes.plain import plain_chromium
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import MAX_FRAME_BYTES, CdpClient, CdpPage, cdp_client

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MESSAGES = 10_000
AT_ONCE = 250
SEED, MOST_RUNS = 8, 5
MIB = 1024 * 1024
GROWS_BYTES = 64 * MIB
ANSWER = re.compile(rb'{"id":(\d+),')


@pytest.fixture(scope="module")
async def protocol(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("protocol")
    async with (
        plain_chromium(directory / "browser", directory) as plain,
        httpx.AsyncClient() as http,
    ):
        answer = await http.get(f"http://127.0.0.1:{plain.port}/json/protocol")
    described: dict[str, Any] = answer.json()
    return described


class Deaf(CdpClient):
    """Hears the answers to its calls only: what comes of the rest may be anything."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE or self._is_asked_for(frame):
            super().on_ws_frame(transport, frame)

    def _is_asked_for(self, frame: WSFrame) -> bool:
        found = ANSWER.match(frame.get_payload_as_bytes()[:40])
        return found is not None and int(found[1]) in self._answers


async def answers(client: CdpClient, page: CdpPage) -> None:
    assert await page.evaluate("1 + 1") == 2
    assert await client.call("Browser.getVersion")


async def test_nobody_else_notices(
    tmp_path: Path, page: CdpPage, client: CdpClient, protocol: dict[str, Any]
) -> None:
    sizes: list[int] = []
    read = runs = 0
    while read < MESSAGES:
        assert runs < MOST_RUNS, "Chromium ends too often; see what it ends on"
        async with real_runtime(tmp_path / str(runs)) as attacked:
            fuzz = Fuzz(SEED + runs, protocol, [page.session, page.target])
            read += await attack(attacked, fuzz, MESSAGES - read, sizes)
        await answers(client, page)
        runs += 1
    assert sizes[-1] - sizes[len(sizes) // 4] < GROWS_BYTES, [size // MIB for size in sizes]


async def attack(attacked: RealRuntime, fuzz: Fuzz, most: int, sizes: list[int]) -> int:
    """Until so many were read, or Chromium ended on one, as it does on some; how many were read."""
    async with cdp_client(attacked.connect_url) as bystander:
        beside = await bystander.new_page()
        fuzz.names += [beside.session, beside.target]
        while handled(attacked) < most and not attacked.runtime.log.ended:
            await send_some(attacked, fuzz)
            with suppress(ConnectionError):  # only where the browser is gone
                await bystander.call("Browser.getVersion")
            assert attacked.runtime.browser.has_ended or not bystander.closed.is_set()
            gc.collect()
            sizes.append(psutil.Process().memory_info().rss)
    return handled(attacked)


def handled(attacked: RealRuntime) -> int:
    """How many messages of clients that have left were read."""
    return sum(int(body["messagesFromClient"]) for body in attacked.of("connection.closed"))


async def send_some(attacked: RealRuntime, fuzz: Fuzz) -> None:
    """By a client of its own, which is answered to the end or is told why it is not."""
    _, client = await ws_connect(Deaf, attacked.connect_url, max_frame_size=MAX_FRAME_BYTES)
    assert isinstance(client, Deaf)
    try:
        fuzzed = await client.new_page()
        for message in fuzz.messages(AT_ONCE, fuzzed.session):
            client.send(message)
        await client.call("Browser.getVersion")
    except ConnectionError:
        # Who still writes may not get to read it: the kernel throws away what comes before a reset.
        last = attacked.of("connection.closed")[-1]["reason"]
        ended = attacked.runtime.browser.has_ended
        assert ended or client.close_reason or last == "Browser.close by client"
    finally:
        await client.disconnect()

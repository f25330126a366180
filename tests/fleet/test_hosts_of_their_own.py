"""Two workers and two recorders, each on a host of its own, set up as deploy/fleet.md says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from playwright.async_api import async_playwright

from deploy.processes import python
from deploy.site.servers import serving
from recorder.starts import START_SECONDS
from tests.support.eventually import eventually
from tests.support.fleet_of_hosts import CLIENT_HOST, FleetOfHosts, fleet_of_hosts
from tests.support.network import started, why_not

pytestmark = [
    pytest.mark.nats,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(why_not()), reason=str(why_not())),
]


async def good(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


async def created(api: httpx.AsyncClient, **body: Any) -> str:
    return str((await good(await api.post("/v1/runtimes", json=body)))["id"])


async def began(api: httpx.AsyncClient, runtime_id: str) -> Any:
    return await good(await api.post(f"/v1/runtimes/{runtime_id}/start"))


async def shown(api: httpx.AsyncClient, run_id: str, status: str) -> Any:
    """A run as one recorder has it, once it has that status."""
    seen = ""

    async def look() -> Any:
        nonlocal seen
        answer = await api.get(f"/v1/runs/{run_id}")
        seen = answer.text
        return answer.json() if answer.is_success and answer.json()["status"] == status else None

    return await eventually(look, explain=lambda: seen)


async def ends_of(api: httpx.AsyncClient, run_id: str) -> list[str]:
    answer = await api.get(f"/v1/runs/{run_id}/events?type=runtime.lifecycle&limit=100")
    events = (await good(answer))["data"]
    return [each["data"]["code"] for each in events if each["data"].get("phase") == "ended"]


async def test_across_hosts(tmp_path: Any) -> None:
    async with fleet_of_hosts(tmp_path) as fleet, AsyncExitStack() as stack:
        r1, r2 = [await stack.enter_async_context(fleet.api(each)) for each in ("r1", "r2")]

        # Two clients start one runtime at the same instant, through two recorders: one run.
        one = await created(r1)
        await eventually(lambda: is_there(r2, one))
        both = await asyncio.gather(began(r1, one), began(r2, one))
        assert len({each["runId"] for each in both}) == 1
        assert len({each["connectUrl"] for each in both}) == 1
        assert sorted(each["started"] for each in both) == [False, True]

        # The next one goes to the other host, whichever recorder is asked.
        other = await created(r2)
        second = await began(r2, other)
        hosts = {each["connectUrl"].split("/")[2] for each in (both[0], second)}
        assert hosts == {"10.0.0.21:8788", "10.0.0.22:8788"}

        # Driven from a third host, and read from both recorders.
        for connect_url in (both[0]["connectUrl"], second["connectUrl"]):
            await drive(connect_url)
        for run_id in (both[0]["runId"], second["runId"]):
            seen = [await said(api, run_id) for api in (r1, r2)]
            assert seen[0] == seen[1] == ["said on a host"]

        # What one host's browser made is read from a recorder of another host.
        picture = await screenshot(r1, one)
        content = await eventually(lambda: content_of(r2, picture))
        assert content.startswith(b"\x89PNG")

        # Stopped by way of the recorder that did not start it.
        stopped = await good(await r2.post(f"/v1/runtimes/{one}/stop"))
        assert (stopped["runId"], stopped["status"]) == (both[0]["runId"], "stopped")
        await shown(r1, both[0]["runId"], "stopped")

        # A login goes with its profile, from one host to the other.
        async with site() as url:
            bot = await created(r1, profile="bot", config={"hostLabels": {"host": "w1"}})
            first = await began(r1, bot)
            assert await cookie_at(first["connectUrl"], url, "document.cookie = 'a=b; max-age=999'")
            await good(await r1.post(f"/v1/runtimes/{bot}/stop"))
            elsewhere = {"config": {"hostLabels": {"host": "w2"}}}
            await good(await r1.patch(f"/v1/runtimes/{bot}", json=elsewhere))
            moved = await began(r1, bot)
            assert (worker_of(first["connectUrl"]), worker_of(moved["connectUrl"])) == ("w1", "w2")
            assert await cookie_at(moved["connectUrl"], url) == "a=b"
            await good(await r2.post(f"/v1/runtimes/{bot}/stop"))

        # Drained from elsewhere: its run ends, it leaves, and what comes next goes to the host that is left.
        host = worker_of(second["connectUrl"])
        drained = await drain(fleet, host, tmp_path)
        assert drained == 0
        assert await fleet.processes[host].ended() == 0
        await shown(r1, second["runId"], "stopped")
        assert await ends_of(r1, second["runId"]) == ["runtime.host_drained"]
        again = await began(r1, other)
        assert worker_of(again["connectUrl"]) != host
        missing = await created(r2, config={"hostLabels": {"host": host}})
        refused = await r2.post(f"/v1/runtimes/{missing}/start")
        assert (refused.status_code, refused.json()["code"]) == (503, "runtime.host_unavailable")
        await good(await r1.post(f"/v1/runtimes/{other}/stop"))

        # The last one's cable is pulled: nobody waits for it for long.
        fleet.network.unplug(worker_of(again["connectUrl"]))
        since = time.monotonic()
        refused = await r2.post(f"/v1/runtimes/{other}/start")
        assert (refused.status_code, refused.json()["code"]) == (503, "runtime.host_unavailable")
        assert time.monotonic() - since < START_SECONDS


async def is_there(api: httpx.AsyncClient, runtime_id: str) -> bool:
    return (await api.get(f"/v1/runtimes/{runtime_id}")).is_success


def worker_of(connect_url: str) -> str:
    return {"10.0.0.21:8788": "w1", "10.0.0.22:8788": "w2"}[connect_url.split("/")[2]]


async def screenshot(api: httpx.AsyncClient, runtime_id: str) -> str:
    """Take one by a hosted invocation; the artifact's id."""
    path = f"/v1/runtimes/{runtime_id}/invocations"
    asked = await good(await api.post(path, json={"action": "screenshot"}))

    async def made() -> Any:
        found = await good(await api.get(f"/v1/runs/{asked['runId']}/artifacts?kind=screenshot"))
        return found["data"]

    return str((await eventually(made))[0]["id"])


async def content_of(api: httpx.AsyncClient, file_id: str) -> bytes:
    """A file's content, empty until that recorder knows of it."""
    answer = await api.get(f"/v1/files/{file_id}/content")
    return answer.content if answer.is_success else b""


async def drive(connect_url: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(connect_url)
        page = await browser.contexts[0].new_page()
        await page.goto("data:text/html,<title>here</title>")
        await page.evaluate("console.log('said on a host')")
        assert await page.title() == "here"
        await browser.close()


@asynccontextmanager
async def site() -> AsyncIterator[str]:
    """A page on the clients' host."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n"
        writer.write(head + b"connection: close\r\n\r\nhere")

    async with serving(answer, "10.0.0.100", port=8000):
        yield "http://10.0.0.100:8000/"


async def cookie_at(connect_url: str, url: str, script: str = "") -> str:
    """The cookies of a page, once a script has run in it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(connect_url)
        page = await browser.contexts[0].new_page()
        await page.goto(url)
        await page.evaluate(script)
        found = str(await page.evaluate("document.cookie"))
        await browser.close()
        return found


async def said(api: httpx.AsyncClient, run_id: str) -> list[str]:
    """What its pages wrote to the console, once there is something."""

    async def look() -> list[str]:
        answer = await api.get(f"/v1/runs/{run_id}/events?type=console.message&limit=100")
        return [each["data"]["text"] for each in (await good(answer))["data"]]

    return await eventually(look)


async def drain(fleet: FleetOfHosts, worker_id: str, directory: Any) -> int:
    command = await started(
        fleet.network,
        CLIENT_HOST,
        python("deploy.cli", "worker", "drain", "--worker", worker_id, "--deadline", "1"),
        {"RUNREEL_NATS_URL": fleet.nats_url("ops"), **fleet.nats_settings()},
        directory / "drain.log",
    )
    code = await command.ended()
    assert code == 0, command.said()
    return code

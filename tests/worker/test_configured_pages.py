"""What a configuration sets on pages, beside what clients set for themselves: real browsers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from schemas.runtime_config import Record, RuntimeConfig, Viewport
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import CdpPage, cdp_client
from tests.support.worker_server import SCRIPT, Reply, Server

pytestmark = pytest.mark.browser

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)
LOCALE = """({
    language: navigator.language,
    languages: navigator.languages,
    intl: Intl.DateTimeFormat().resolvedOptions().locale,
    number: (1234.5).toLocaleString(),
})"""
ZONE = "Intl.DateTimeFormat().resolvedOptions().timeZone"
SWISS = {"language": "de-CH", "languages": ["de-CH"], "intl": "de-CH", "number": "1’234.5"}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    routes: dict[str, Any] = {
        "/inner": "<!doctype html><script>parent.postMessage((1234.5).toLocaleString(), '*')</script>",
        "/worker.js": Reply(headers=SCRIPT, body=b"postMessage((1234.5).toLocaleString())"),
    }
    async with Server(routes) as server:
        yield server


@pytest.fixture
async def set_up(tmp_path: Path) -> AsyncIterator[RealRuntime]:
    config = RuntimeConfig(
        locale="de-CH",
        timezone="Asia/Tokyo",
        user_agent=AGENT,
        viewport=Viewport(width=801, height=603),
    )
    async with real_runtime(tmp_path, config) as real:
        yield real


async def test_a_locale_is_the_same_wherever_a_page_looks(
    set_up: RealRuntime, server: Server
) -> None:
    async with cdp_client(set_up.connect_url) as client:
        first, second = await client.new_page(), await client.new_page()
        for page in (first, second):
            await page.goto(f"{server.url}/blank")
            seen = await page.evaluate(LOCALE)
            assert seen | {"number": seen["number"].replace("'", "’")} == SWISS
            assert await page.evaluate(ZONE) == "Asia/Tokyo"
        assert server.asked[-1].headers["Accept-Language"] == "de-CH,de;q=0.9"

        said = "new Promise(done => onmessage = e => done(e.data))"
        inner = f"<iframe src={server.other_url}/inner>"
        framed = f"(document.body.innerHTML = '{inner}', {said})"
        by_worker = "new Promise(done => new Worker('/worker.js').onmessage = e => done(e.data))"
        for expression in (framed, by_worker):
            assert (await second.evaluate(expression)).replace("'", "’") == SWISS["number"]

        # The locale is a process's, and the page that had set it is gone.
        await first.close()
        await eventually(lambda: _is_swiss(second))


async def _is_swiss(page: CdpPage) -> bool:
    seen = await page.evaluate("(1234.5).toLocaleString()")
    return bool(seen.replace("'", "’") == SWISS["number"])


async def test_client_hints_say_what_the_user_agent_says(
    set_up: RealRuntime, server: Server
) -> None:
    async with cdp_client(set_up.connect_url) as client:
        page = await client.new_page()
        await page.goto(f"{server.url}/blank")
        headers = server.asked[-1].headers
        assert headers["User-Agent"] == AGENT
        assert '"Google Chrome";v="140"' in headers["Sec-CH-UA"]
        assert headers["Sec-CH-UA-Platform"] == '"Windows"'
        hints = await page.evaluate("""navigator.userAgentData.getHighEntropyValues(
            ['platformVersion', 'fullVersionList', 'architecture']).then(found =>
            [navigator.userAgent, found.platform, found.platformVersion,
            found.fullVersionList.find(each => each.brand == 'Chromium').version])""")
        assert hints == [AGENT, "Windows", "10.0", "140.0.0.0"]


async def test_a_client_that_sets_its_own_gets_its_own(set_up: RealRuntime, server: Server) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(set_up.connect_url)
        context = await browser.new_context(
            locale="fr-FR",
            timezone_id="Europe/Paris",
            user_agent="Own/1.0",
            viewport={"width": 640, "height": 480},
        )
        page = await context.new_page()
        await page.goto(f"{server.url}/blank")
        seen = await page.evaluate(LOCALE)
        assert (seen["language"], seen["intl"]) == ("fr-FR", "fr-FR")
        assert await page.evaluate(ZONE) == "Europe/Paris"
        assert await page.evaluate("navigator.userAgent") == "Own/1.0"
        assert server.asked[-1].headers["User-Agent"] == "Own/1.0"
        assert await page.evaluate("[innerWidth, innerHeight]") == [640, 480]
        await browser.close()


async def test_what_a_client_set_goes_with_it(set_up: RealRuntime, server: Server) -> None:
    async with cdp_client(set_up.connect_url) as client:
        page = await client.new_page()
        await page.goto(f"{server.url}/blank")
        await page.call("Emulation.setLocaleOverride", locale="fr-FR")
        await page.call("Emulation.setUserAgentOverride", userAgent="Own/1.0")
        await page.call(
            "Emulation.setDeviceMetricsOverride",
            width=640, height=480, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        look = "[Intl.DateTimeFormat().resolvedOptions().locale, navigator.userAgent, innerWidth]"
        assert await page.evaluate(look) == ["fr-FR", "Own/1.0", 640]
    async with cdp_client(set_up.connect_url) as client:
        attached = await client.call("Target.attachToTarget", targetId=page.target, flatten=True)
        page = CdpPage(client, page.target, attached["sessionId"])

        async def is_ours_again() -> bool:
            return bool(await page.evaluate(look) == ["de-CH", AGENT, 801])

        await eventually(is_ours_again)


async def test_a_user_agent_of_another_browser_has_no_client_hints(
    tmp_path: Path, server: Server
) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    async with (
        real_runtime(tmp_path, RuntimeConfig(user_agent=firefox)) as real,
        cdp_client(real.connect_url) as client,
    ):
        page = await client.new_page()
        await page.goto(f"{server.url}/blank")
        assert server.asked[-1].headers["User-Agent"] == firefox
        assert "Sec-CH-UA" not in server.asked[-1].headers
        assert await page.evaluate("navigator.userAgentData.brands") == []


@pytest.mark.parametrize("wanted", [False, True])
async def test_headers_that_are_secrets_only_where_they_are_wanted(
    tmp_path: Path, server: Server, wanted: bool
) -> None:
    config = RuntimeConfig(record=Record(headers=wanted))
    server.routes["/login"] = Reply(headers={"Set-Cookie": "session=S3cr3tOfTheSite"})
    async with (
        real_runtime(tmp_path, config) as real,
        cdp_client(real.connect_url) as client,
    ):
        page = await client.new_page()
        await page.goto(f"{server.url}/blank?token=S3cr3tOfTheUrl")
        fetched = "fetch('/login', {headers: {Authorization: 'Bearer S3cr3tOfTheCrown'}})"
        await page.evaluate(f"{fetched}.then(r => r.text())")
        await real.until("network.finished", requestId=(await _asked(real, "/login"))["requestId"])
        said = b"".join(bytes(event.data) for event in real.events)
    assert (b"S3cr3tOfTheCrown" in said) == wanted
    assert (b"S3cr3tOfTheSite" in said) == wanted
    assert b"S3cr3tOfTheUrl" not in said


async def _asked(real: RealRuntime, path: str) -> dict[str, Any]:
    return await eventually(
        lambda: next((e for e in real.of("network.request") if e["url"].endswith(path)), None)
    )

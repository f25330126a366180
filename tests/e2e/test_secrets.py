"""Secrets that a browser sends or shows are neither in what the API tells nor anywhere on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Dialog, Error, Page, Playwright

from deploy.site.wire import Answer
from tests.support.run import Run
from tests.support.site_pages import HTML, Pages
from tests.support.stack import Stack

CANARY = "canary-4f1b0c"  # no secret: where it is not found, the search for secrets proves nothing


def _secret(name: str) -> str:
    return f"S3cr3t{name.title().replace('-', '')}9xQ7"


# Each is sent or shown once, by the step of that name.
SECRETS = {
    name: _secret(name)
    for name in (
        "authorization",
        "api-key-header",
        "cookie",
        "set-cookie",
        "url-password",
        "url-token",
        "fragment-token",
        "redirect-token",
        "socket-token",
        "console-token",
        "console-object",
        "error-bearer",
        "error-stack-token",
        "posted-password",
        "typed-password",
        "prompt-answer",
        "popup-token",
        "download-token",
        "worker-token",
        "failed-token",
    )
}
S = SECRETS

PAGES: dict[str, str | Answer] = {
    "/": Answer(
        200, HTML, b"<title>Login</title>", (("Set-Cookie", f"session={S['set-cookie']}"),)
    ),
    "/plain": "no title here, so the browser makes one of the URL",
    "/moved": Answer(302, HTML, b"", (("Location", f"/plain?token={S['redirect-token']}"),)),
    "/form": "<title>Form</title><input type=password id=password>",
    "/file": Answer(200, "text/csv", b"1,2", (("Content-Disposition", "attachment"),)),
    "/worker.js": Answer(200, "text/javascript", b"console.log('a worker at ' + location.href)"),
    "/throw.js": Answer(200, "text/javascript", b"throw new Error('a script that breaks')"),
}


async def _tell_them_all(page: Page, url: str) -> None:
    """Every way to send or show a secret that a page has, one a line."""
    host = url.removeprefix("http://")
    await page.set_extra_http_headers(
        {"Authorization": f"Bearer {S['authorization']}", "X-Api-Key": S["api-key-header"]}
    )
    await page.context.add_cookies([{"name": "login", "value": S["cookie"], "url": url}])
    await page.goto(f"{url}/")
    await page.goto(f"http://user:{S['url-password']}@{host}/plain")
    await page.goto(f"{url}/moved")
    await page.goto(f"{url}/plain?{CANARY}&token={S['url-token']}")
    await page.evaluate("fetch('/')")  # brings the page's URL as its referrer
    await page.goto(f"{url}/plain#access_token={S['fragment-token']}")
    await page.evaluate(f"new WebSocket('ws://{host}/socket?token={S['socket-token']}')")
    await page.evaluate(f"console.log('token={S['console-token']}')")
    await page.evaluate(f"console.log('logging in', {{password: '{S['console-object']}'}})")
    await _fail_in_the_page(page, f"throw Error('sent Bearer {S['error-bearer']}')")
    await page.add_script_tag(url=f"/throw.js?token={S['error-stack-token']}")
    body = json.dumps({"password": S["posted-password"]})
    await page.evaluate("body => fetch('/', {method: 'POST', body})", body)
    await page.evaluate(f"fetch('http://127.0.0.1:1/?token={S['failed-token']}').catch(() => 0)")
    await page.evaluate(f"void new Worker('/worker.js?token={S['worker-token']}')")
    page.once("dialog", _type_into_the_prompt)
    await page.evaluate("prompt('Who goes there?')")
    async with page.expect_popup() as opening:
        await page.evaluate(f"void open('/plain?token={S['popup-token']}')")
    await (await opening.value).wait_for_load_state()
    async with page.expect_download():
        await page.evaluate(f"void (location = '/file?token={S['download-token']}')")
    await page.goto(f"{url}/form")
    await page.type("#password", S["typed-password"])


async def _fail_in_the_page(page: Page, script: str) -> None:
    async with page.expect_event("pageerror"):
        await page.evaluate(f"void setTimeout(() => {{ {script} }})")


async def _type_into_the_prompt(dialog: Dialog) -> None:
    await dialog.accept(S["prompt-answer"])


@dataclass(frozen=True)
class Told:
    """A run, now ended, in which all secrets were told; and the heads of the requests that the site got."""

    run: Run
    heads: list[str]


@pytest.fixture(scope="module")
async def told(stack: Stack, playwright: Playwright) -> Told:
    run = await stack.run()
    async with Pages(PAGES) as pages:
        browser = await playwright.chromium.connect_over_cdp(run.connect_url)
        page = await browser.contexts[0].new_page()
        await _tell_them_all(page, pages.url)
        await run.event("console.message", worker=True)
        await browser.close()
        await run.stop()
        return Told(run, pages.heads)


@pytest.mark.parametrize("name", ["authorization", "api-key-header", "cookie", "url-token"])
async def test_the_secrets_were_really_sent(told: Told, name: str) -> None:
    assert any(SECRETS[name] in head for head in told.heads)


@pytest.mark.parametrize("name", SECRETS)
async def test_the_api_does_not_tell(told: Told, name: str) -> None:
    events = await told.run.events()
    assert not [each for each in events if SECRETS[name] in json.dumps(each)]


async def test_the_api_tells_what_is_no_secret(told: Told) -> None:
    assert CANARY in json.dumps(await told.run.events())


@pytest.mark.parametrize("name", SECRETS)
async def test_nothing_on_disk_holds(stack: Stack, told: Told, name: str) -> None:
    await told.run.ended()
    assert not list(_files_with(stack.data, SECRETS[name]))


async def test_the_disk_holds_what_is_no_secret(stack: Stack, told: Told) -> None:
    await told.run.ended()
    parts = {path.relative_to(stack.data).parts[0] for path in _files_with(stack.data, CANARY)}
    assert {"nats", "recorder"} <= parts


async def test_our_own_secrets_stand_in_their_own_files_only(stack: Stack, run: Run) -> None:
    await run.stop()
    homes = {"api-key": {"api-key"}, "secret": {"secret"}}
    homes["nats/password"] = {"nats/password", "nats/url", "nats/nats.conf"}
    for home, allowed in homes.items():
        secret = (stack.data / home).read_text().strip()
        found = {str(path.relative_to(stack.data)) for path in _files_with(stack.data, secret)}
        assert found == allowed
        assert {(stack.data / each).stat().st_mode & 0o777 for each in allowed} == {0o600}


async def test_a_connect_url_is_written_down_nowhere(
    stack: Stack, run: Run, browser: Browser, playwright: Playwright
) -> None:
    token = run.connect_url.rpartition("/")[2]
    assert browser.is_connected()
    await run.stop()
    with pytest.raises(Error):
        await playwright.chromium.connect_over_cdp(run.connect_url)
    assert not list(_files_with(stack.data, token))


def _files_with(directory: Path, text: str) -> Iterator[Path]:
    """Spool, stream, tables with their write-ahead log, and logs: whatever there is."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and text.encode() in path.read_bytes():
            yield path

"""A secret in every place that a browser, a client or a caller has for one, and then a search for it everywhere.

Each has a marker beside it that is none. The marker must be in the log, so that recording nothing is no way to pass.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Dialog, Page, Playwright

from deploy.site.wire import Answer
from tests.support.eventually import eventually
from tests.support.run import Run, create_runtime
from tests.support.site_pages import HTML, Pages
from tests.support.stack import Stack
from tests.support.traces import NATS_PASSWORDS, Traces, found, traces


def _secret(place: str) -> str:
    return f"S3cr3t{place.title().replace('-', '')}9xQ7"


def _marker(place: str) -> str:
    return f"mark-{place}-4f1b"


# What a page does, in scripts: {s} is the secret and {m} the marker, {host} the site's.
SCRIPTS = {
    "query": "fetch('/plain?{m}&access_token={s}')",
    "query-in-brackets": "fetch('/plain?{m}&user[password]={s}')",
    "query-encoded-name": "fetch('/plain?{m}&user%5Bpassword%5D={s}')",
    "query-of-a-query": "fetch('/plain?{m}&next=' + encodeURIComponent('//x:{s}@b.test/?token={s}'))",
    "query-in-camel-case": "fetch('/plain?{m}&apiKey={s}')",
    "signed-url": "fetch('/plain?{m}&X-Amz-Credential={s}&X-Amz-Signature={s}')",
    "grant": "fetch('/plain?{m}&code={s}&state={s}')",
    "fragment": "fetch('/plain?{m}#access_token={s}')",
    "session-in-path": "fetch('/plain;jsessionid={s}?{m}')",
    "web-token-in-path": "fetch('/plain/eyJhbGciOiJub25lIn0.{s}.?{m}')",
    "authorization": "fetch('/plain?{m}', {{headers: {{Authorization: 'Bearer {s}'}}}})",
    "api-key-header": "fetch('/plain?{m}', {{headers: {{'X-Api-Key': '{s}'}}}})",
    "own-header": "fetch('/plain', {{headers: {{'X-Acme-Session-Id': '{s}', 'X-Mark': '{m}'}}}})",
    "own-header-text": "fetch('/plain', {{headers: {{'X-Note': 'password={s}', 'X-Mark': '{m}'}}}})",
    "cookie": "document.cookie = 'login={s}'; fetch('/plain?{m}')",
    "body": "fetch('/plain?{m}', {{method: 'POST', body: JSON.stringify({{password: '{s}'}})}})",
    "beacon": "navigator.sendBeacon('/plain?{m}&token={s}', 'password={s}')",
    "failed": "fetch('http://127.0.0.1:1/?{m}&token={s}').catch(() => 0)",
    "set-cookie": "fetch('/set-cookie')",
    "redirect": "fetch('/moved')",
    "socket-url": "new WebSocket('ws://{host}/socket?{m}&token={s}')",
    "socket-protocol": "new WebSocket('ws://{host}/socket?{m}', ['{s}'])",
    "event-source": "new EventSource('/events?{m}&token={s}')",
    "worker": "new Worker('/worker.js?{m}&token={s}')",
    "service-worker": "navigator.serviceWorker.register('/worker.js?{m}&token={s}')",
    "iframe": "document.body.append(Object.assign(document.createElement('iframe'), "
    "{{src: '/plain?{m}&token={s}'}}))",
    "data-url": "fetch('data:text/{m};base64,' + btoa('{s}'))",
    "blob-url": "fetch(URL.createObjectURL(new Blob(['password={s} {m}']))); console.log('{m}')",
    "history": "history.pushState({{}}, '', '/pushed?{m}&token={s}')",
    "hash": "location.hash = '{m}&access_token={s}'",
    "popup": "open('/plain?{m}&token={s}')",
    "console-text": "console.log('{m} token={s}')",
    "console-object": "console.log('{m}', {{password: '{s}'}})",
    "console-arguments": "console.log('{m}', 'password:', '{s}')",
    "console-json": "console.log(JSON.stringify({{'{m}': 1, password: 'a \"b\" {s}'}}))",
    "console-json-twice": "console.log(JSON.stringify(JSON.stringify({{'{m}': 1, password: 'a {s}'}})))",
    "console-header": "console.log('{m}\\nCookie: a=b; login={s}')",
    "console-error": "console.error(new Error('{m} secret: {s}'))",
    "console-cookie": "document.cookie = 'a={s}'; console.log('{m} document.cookie=' + document.cookie)",
    "console-private-key": "console.log('{m} -----BEGIN PRIVATE KEY-----\\n{s}\\n-----END PRIVATE KEY-----')",
    "thrown": "setTimeout(() => {{ throw Error('{m} sent Bearer {s}') }})",
    "rejection": "void Promise.reject(Error('{m} with api_key: {s}'))",
    "script-url": "document.head.append(Object.assign(document.createElement('script'), "
    "{{src: '/throw.js?{m}&token={s}'}}))",
    "dialog": "alert('{m} password: {s}')",
    "storage": "localStorage.token = '{s}'; postMessage('{s}'); console.log('{m}')",
}  # fmt: skip
# What is no script: each has a line in `_tell_them_all`.
STEPS = (
    "url-password", "referrer", "title", "prompt", "download", "form", "typed", "refresh", "user-agent",
)  # fmt: skip
PLACES = (*SCRIPTS, *STEPS)

ATTACHED = f'attachment; filename="{_marker("download")} token={_secret("download")}.csv"'
PAGES: dict[str, str | Answer] = {
    "/": "<title>Start</title>",
    "/plain": "plain",
    "/pushed": "pushed",
    "/titled": f"<title>{_marker('title')} password: {_secret('title')}</title>",
    "/set-cookie": Answer(
        200, HTML, b"", (("Set-Cookie", f"session={_secret('set-cookie')}; HttpOnly"),
                         ("X-Mark", _marker("set-cookie"))),
    ),
    "/moved": Answer(
        302, HTML, b"", (("Location", f"/plain?{_marker('redirect')}&token={_secret('redirect')}"),)
    ),
    "/refresh": Answer(
        200, HTML, b"", (("Refresh", f"0; url=/plain?{_marker('refresh')}&token={_secret('refresh')}"),)
    ),
    "/events": Answer(200, "text/event-stream", b"data: 1\n\n"),
    "/file": Answer(200, "text/csv", b"1,2", (("Content-Disposition", ATTACHED),)),
    "/form": f"<form method=post action='/plain?{_marker('form')}'><input name=password id=p></form>",
    "/worker.js": Answer(200, "text/javascript", b"console.log('a worker at ' + location.href)"),
    "/throw.js": Answer(200, "text/javascript", b"throw new Error('a script that breaks')"),
}  # fmt: skip


async def _tell_them_all(page: Page, pages: Pages) -> None:
    host = pages.url.removeprefix("http://")
    page.on("dialog", _answer)
    for place, script in SCRIPTS.items():
        await page.goto(f"{pages.url}/")
        told = script.format(s=_secret(place), m=_marker(place), host=host)
        await page.evaluate(
            f"void ({told})" if ";" not in told and "=>" not in told else f"{{ {told} }}"
        )
    m, s = ({place: make(place) for place in STEPS} for make in (_marker, _secret))
    await page.goto(f"http://user:{s['url-password']}@{host}/plain?{m['url-password']}")
    await page.goto(f"{pages.url}/plain?{m['referrer']}&token={s['referrer']}")
    await page.evaluate("fetch('/plain', {referrerPolicy: 'unsafe-url'})")
    await page.goto(f"{pages.url}/titled")
    await page.evaluate(f"void prompt('{m['prompt']}')")
    async with page.expect_download():
        await page.evaluate(f"void (location = '/file?token={s['download']}')")
    await page.goto(f"{pages.url}/form")
    await page.type("#p", s["form"])
    async with page.expect_navigation():
        await page.evaluate("document.forms[0].submit()")
    await page.goto(f"{pages.url}/form?{m['typed']}")
    await page.type("#p", s["typed"])
    async with page.expect_response(lambda response: m["refresh"] in response.url):
        await page.goto(f"{pages.url}/refresh")


async def _answer(dialog: Dialog) -> None:
    await dialog.accept(_secret("prompt"))


@dataclass(frozen=True)
class Searched:
    """A run, now ended, in which every secret was told; what was found while it was active, and then."""

    run: Run
    meanwhile: Traces
    afterwards: Traces
    heads: list[str]


async def _attached(playwright: Playwright, run: Run) -> Browser:
    agent = f"{_marker('user-agent')} password={_secret('user-agent')}"
    return await playwright.chromium.connect_over_cdp(
        run.connect_url, headers={"User-Agent": agent}
    )


@pytest.fixture(scope="module")
async def talkative(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack that logs all it can, and has a secret of its surroundings' in its environment."""
    settings = {"RUNREEL_LOG_LEVEL": "debug", "NEIGHBOURS_PASSWORD": _secret("environment")}
    async with Stack(tmp_path_factory.mktemp("canary"), **settings) as stack:
        yield stack


@pytest.fixture(scope="module")
async def searched(talkative: Stack, playwright: Playwright) -> Searched:
    run = await talkative.run()
    async with Pages(PAGES) as pages:
        browser = await _attached(playwright, run)
        page = await browser.contexts[0].new_page()
        await _tell_them_all(page, pages)
        await eventually(lambda: _markers_missing(run), 20, explain=lambda: "markers are missing")
        meanwhile = await traces(talkative, run)
        await browser.close()
        await run.stop()
        await run.ended()
        return Searched(run, meanwhile, await traces(talkative, run), pages.heads)


async def _markers_missing(run: Run) -> bool:
    log = json.dumps(await run.events())
    return all(_marker(place) in log for place in PLACES)


@pytest.mark.parametrize("place", PLACES)
def test_what_stands_beside_a_secret_is_told(searched: Searched, place: str) -> None:
    assert _marker(place).encode() in searched.afterwards["events"]


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_found_nowhere(searched: Searched, place: str) -> None:
    assert found(searched.meanwhile, _secret(place)) == []
    assert found(searched.afterwards, _secret(place)) == []


@pytest.mark.parametrize(
    "place", ["query", "authorization", "cookie", "own-header", "redirect", "referrer"]
)
def test_the_secrets_were_really_sent(searched: Searched, place: str) -> None:
    assert any(_secret(place) in head for head in searched.heads)


def test_the_search_finds_what_is_there(searched: Searched) -> None:
    """In each kind of place: spool or stream, tables, answers; and this process's name for its children."""
    places = found(searched.meanwhile, _marker("query"))
    for kind in ("stream RUNS", "rows of log", "events"):
        assert kind in places
    kinds = {place.partition(" ")[0] for place in searched.meanwhile}
    assert {"cmdline", "environ", "stream", "rows", "GET", "names"} <= kinds
    assert any("chrom" in place for place in searched.meanwhile if place.startswith("environ"))
    assert any(place.endswith("worker.log") for place in searched.meanwhile)
    assert "server-sent events" in searched.afterwards


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_a_secret_is_found_however_it_is_spelt(before: str) -> None:
    secret = "S3cr3t/9xQ7"
    text = f"{before}{secret} and more"
    for spelt in (text, quote(text, safe=""), base64.b64encode(text.encode()).decode()):
        assert found({"here": spelt.encode()}, secret) == ["here"]


def test_our_own_secrets_are_in_their_own_files_only(talkative: Stack, searched: Searched) -> None:
    for home in ("api-key", "secret", *NATS_PASSWORDS):
        secret = (talkative.data / home).read_text().strip()
        assert found(searched.meanwhile, secret) == []
        assert found(searched.afterwards, secret) == []


def test_the_token_of_a_connect_url_is_found_nowhere(searched: Searched) -> None:
    """While the run is active, the API tells it to those who have a key."""
    token = searched.run.connect_url.rpartition("/")[2]
    places = found(searched.meanwhile, token)
    assert not [place for place in places if not place.startswith("GET /v1/runtimes")]
    assert found(searched.afterwards, token) == []


def test_a_browser_has_none_of_our_environment(searched: Searched) -> None:
    secret = _secret("environment").encode()
    with_it = [place for place, held in searched.meanwhile.items() if secret in held]
    assert not [place for place in with_it if not place.startswith("environ")]
    assert not [place for place in with_it if "chrom" in place]


# callers of the API


async def test_a_wrong_key_is_told_nowhere(talkative: Stack) -> None:
    secret = _secret("wrong-key")
    answers = [
        await talkative.http.get("/v1/runs", headers={"Authorization": f"Bearer {secret}"}),
        await talkative.http.get("/v1/runs", headers={"Authorization": secret}),
        await talkative.http.get("/v1/runs", headers={"X-Api-Key": secret, "Authorization": ""}),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert not [answer.text for answer in answers if secret in answer.text]
    assert found(await traces(talkative), secret) == []


@pytest.mark.parametrize(
    "body",
    [
        '{{"name": {{"password": "{s}"}}}}',
        '{{"name": "x", "config": {{"locale": "token={s}"}}}}',
        '{{"password": "{s}"}}',
        '{{"name": "x", "password": "{s}',
        '"{s}"',
    ],
)
async def test_what_is_wrong_with_a_body_is_said_without_its_values(
    talkative: Stack, body: str
) -> None:
    secret = _secret("bad-body")
    headers = {"Content-Type": "application/json"}
    answer = await talkative.http.post(
        "/v1/runtimes", content=body.format(s=secret), headers=headers
    )
    assert answer.status_code < 500
    assert secret not in answer.text
    assert found(await traces(talkative), secret) == []


@pytest.mark.parametrize("query", ["limit={s}", "cursor={s}", "token={s}", "status={s}"])
async def test_what_is_wrong_with_a_query_is_not_logged(talkative: Stack, query: str) -> None:
    secret = _secret("bad-query")
    await talkative.http.get(f"/v1/runs?{query.format(s=secret)}")
    await talkative.http.get(f"/v1/nothing?{query.format(s=secret)}")
    assert found(await traces(talkative), secret) == []


async def test_a_wrong_connect_url_is_told_nowhere(talkative: Stack, searched: Searched) -> None:
    wrong = "0123456789abcdef" * 2 + "01234567"
    url = searched.run.connect_url.replace("ws://", "http://").rpartition("/")[0]
    answer = await talkative.http.get(f"{url}/{wrong}?token={_secret('connect')}")
    assert answer.status_code == 404
    everything = await traces(talkative)
    assert found(everything, wrong) == []
    assert found(everything, _secret("connect")) == []


async def test_a_browser_that_cannot_start_gives_away_nothing(tmp_path: Path) -> None:
    """Its last words are told, and /usr/bin/env would tell its environment."""
    settings = {"RUNREEL_CHROMIUM": "/usr/bin/env", "NEIGHBOURS_PASSWORD": _secret("environment")}
    async with Stack(tmp_path, **settings) as stack:
        runtime_id = await create_runtime(stack.http)
        answer = await stack.http.post(f"/v1/runtimes/{runtime_id}/start")
        assert answer.is_error
        everything = await traces(stack)
        assert b"/usr/bin/env --help" in everything["rows of log"], answer.text
        assert b"/usr/bin/env --help" in (stack.data / "logs" / "worker.log").read_bytes()
        places = found(everything, _secret("environment"))
        assert not [place for place in places if not place.startswith("environ")]
        for home in ("api-key", "secret", *NATS_PASSWORDS):
            assert found(everything, (stack.data / home).read_text().strip()) == []

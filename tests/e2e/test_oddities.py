"""Pages that overdo it: what they do is recorded, cut where it is too long, counted where it is too much."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, Playwright

from tests.support.eventually import eventually
from tests.support.observed_site import HTML, Exchange, ObservedSite, Reply, Route
from tests.support.observed_site.wire import encode_head
from tests.support.recall import compare, hops_of
from tests.support.recording import recording
from tests.support.run import Event, Run, assert_whole, console
from tests.support.stack import Stack

URL_BYTES = 16 * 1024
HEADERS_BYTES = 64 * 1024
LONGEST_URL_BYTES = 2 * 1024 * 1024
LINES = 10_000
POPUPS = 50
LAPS = 60

LOOPS = f"""<link rel="icon" href="data:,"><script>
const lap = Number(new URLSearchParams(location.search).get('lap'));
if (lap < {LAPS}) location.replace('?lap=' + (lap + 1));
</script>"""


def _page(text: str) -> Reply:
    return Reply(body=f'<link rel="icon" href="data:,">{text}'.encode(), content_type=HTML)


async def _drips(exchange: Exchange) -> None:
    """A document that has no end."""
    await exchange.begin(200, encode_head(200, [("Content-Type", HTML), ("Connection", "close")]))
    await exchange.send(b"<p>once upon a time", 19)
    await exchange.gone()


ROUTES: dict[str, Route] = {
    "/": _page("<title>a page</title>"),
    "/loops": Reply(body=LOOPS.encode(), content_type=HTML),
    "/drips": _drips,
    "/huge-head": Reply(body=b"x", headers=(("X-Huge", "y" * 200_000),)),
}


@pytest.fixture
async def observed() -> AsyncIterator[ObservedSite]:
    async with ObservedSite(ROUTES) as site:
        yield site


async def _console(run: Run, page: Page, text: str = "that is all") -> list[Event]:
    """All events, once the record has what the page did until now."""
    await page.evaluate("text => console.log(text)", text)
    await run.event("console.message", text=text)
    return await run.events()


# ── text that no event can hold ──────────────────────────────────────────────────────────────────


async def test_a_title_with_what_no_utf8_can_hold(
    run: Run, page: Page, observed: ObservedSite
) -> None:
    await page.goto(observed.url)
    await page.evaluate(r"document.title = 'a\ud800b\u0000c'; location.hash = 'now'")
    await page.evaluate(r"console.error('\u0000\udfff', {'k\ud800': '\u0000'}, ['\ud83d'])")
    events = await _console(run, page)
    assert_whole(events)
    for event in events:
        repr(event).encode()  # no lone surrogate anywhere
        assert "\0" not in repr(event["data"].get("text", "") + event["data"].get("title", ""))


async def test_urls_with_what_no_utf8_can_hold(
    run: Run, page: Page, observed: ObservedSite
) -> None:
    await page.goto(observed.url)
    await page.evaluate(r"fetch('/a\ud800b\u0000c?é=\udfff#\ud800').then(answer => answer.text())")
    await page.evaluate(r"location.hash = 'a\ud800b\u0000c'")
    events = await _console(run, page)
    assert not compare(observed.log, hops_of(events)).not_recorded
    urls = [each["data"]["url"] for each in events if each["type"] == "navigation"]
    assert "#a%EF%BF%BDb" in urls[-1]


async def test_a_url_of_two_megabytes(run: Run, page: Page, observed: ObservedSite) -> None:
    await page.goto(observed.url)
    size = LONGEST_URL_BYTES - 10
    length = "l => '/?' + 'x'.repeat(l - location.origin.length - 2)"
    await page.evaluate(f"l => fetch(({length})(l)).then(answer => answer.text())", size)
    await page.evaluate(f"l => history.pushState(0, '', ({length})(l))", size)
    events = await _console(run, page)
    (request,) = [each for each in events if each["data"].get("url", "").endswith("x")][:1]
    assert [len(each.url) for each in observed.log] == [len(observed.url) + 1, size]
    assert len(request["data"]["url"]) == URL_BYTES
    assert request["data"]["truncated"]["url"] == size
    (moved,) = [each for each in events if each["data"].get("phase") == "same_document"]
    assert moved["data"]["truncated"]["url"] == size
    assert max(len(repr(each)) for each in events) < 256 * 1024


async def test_huge_headers(run: Run, page: Page, observed: ObservedSite) -> None:
    await page.goto(observed.url)
    await page.evaluate(
        "fetch('/huge-head', {headers: {'x-mine': 'z'.repeat(150000)}}).then(r => r.text())"
    )
    events = await _console(run, page)
    (asked,) = [hop for hop in hops_of(events) if hop.url.endswith("/huge-head")]
    assert asked.response is not None
    assert asked.status == 200
    assert asked.request["data"]["truncated"]["headers"] > 150_000
    assert asked.response["data"]["truncated"]["headers"] > 200_000
    for event in (asked.request, asked.response):
        assert len(repr(event["data"]["headers"])) < HEADERS_BYTES + 1024


# ── too much of everything ───────────────────────────────────────────────────────────────────────


async def test_a_page_of_100_000_nodes(run: Run, page: Page, observed: ObservedSite) -> None:
    await page.goto(observed.url)
    made = await page.evaluate(
        "document.body.innerHTML = '<p>node</p>'.repeat(100000); document.querySelectorAll('p').length"
    )
    assert made == 100_000
    events = await _console(run, page)
    assert_whole(events)
    assert len(events) < 100


async def test_10_000_console_lines_at_once(run: Run, page: Page) -> None:
    async with recording(run) as followed:
        await page.evaluate(f"for (let n = 0; n < {LINES}; n++) console.log('line ' + n)")
        await eventually(lambda: _accounted(followed.events) >= LINES)
    events = await run.events()
    assert_whole(events)
    assert _accounted(events) == LINES
    numbers = [int(text.split()[1]) for text in console(events)]
    assert numbers == sorted(set(numbers))


def _accounted(events: list[Event]) -> int:
    """How many lines were recorded, or told to be suppressed."""
    told = [each["data"] for each in events if each["type"] == "events.suppressed"]
    suppressed: int = sum(each["count"] for each in told if each["kind"] == "console.message")
    return len(console(events)) + suppressed


async def test_50_popups(run: Run, page: Page, observed: ObservedSite) -> None:
    await page.goto(observed.url)
    opened = f"window.all = Array.from({{length: {POPUPS}}}, (_, n) => window.open('/?popup=' + n))"
    await page.evaluate(f"{opened}; undefined")
    await eventually(lambda: len(observed.seen("/")) == POPUPS + 1)
    await eventually(lambda: _pages(run, "opened", POPUPS))
    await page.evaluate("for (const each of all) each.close()")
    await eventually(lambda: _pages(run, "closed", POPUPS))
    events = await run.events()
    assert_whole(events)
    hops = hops_of(events)
    compared = compare(observed.log, hops)
    under_way = [hop for hop in hops if hop.is_reconstructed]
    assert all("/?popup=" in hop.url for hop in under_way)
    assert not compared.differences(besides=under_way)


async def _pages(run: Run, what: str, count: int) -> bool:
    events = await run.events(type=f"page.{what}")
    opener = [each for each in events if what == "closed" or each["data"].get("openerId")]
    return len(opener) == count


async def test_a_page_that_navigates_in_a_loop(
    run: Run, page: Page, observed: ObservedSite
) -> None:
    await page.goto(f"{observed.url}/loops?lap=0", wait_until="commit")
    await page.wait_for_url(f"**?lap={LAPS}", timeout=60_000)
    events = await _console(run, page)
    assert_whole(events)
    compared = compare(observed.log, hops_of(events))
    assert not compared.not_recorded
    assert len(compared.pairs) == LAPS + 1
    phases = [each["data"]["phase"] for each in events if each["type"] == "navigation"]
    assert phases.count("committed") >= LAPS


async def test_a_document_that_has_no_end(run: Run, page: Page, observed: ObservedSite) -> None:
    await page.goto(f"{observed.url}/drips", wait_until="commit")
    await run.event("network.response", url=f"{observed.url}/drips")
    assert (await run.stop())["status"] == "stopped"
    events = await run.events()
    assert_whole(events)
    (dripping,) = [hop for hop in hops_of(events) if hop.url.endswith("/drips")]
    assert dripping.status == 200
    assert not [
        each
        for each in events
        if each["type"] == "page.load" and each["data"]["url"].endswith("/drips")
    ]


# ── one floods, the other is quiet ───────────────────────────────────────────────────────────────

FLOOD = f"""window.left = {2 * LINES};
const flood = setInterval(() => {{
  for (let n = 0; n < 250 && left > 0; n++, left--) console.log('flood ' + 'x'.repeat(200));
  if (left <= 0) clearInterval(flood);
}}, 25);"""
QUIET_LINES = 40


async def test_a_flooding_run_leaves_a_quiet_one_alone(
    stack: Stack, playwright: Playwright, run: Run, page: Page
) -> None:
    quiet = await stack.run()
    browser: Browser = await playwright.chromium.connect_over_cdp(quiet.connect_url)
    still = await browser.contexts[0].new_page()
    async with recording(quiet) as followed:
        await page.evaluate(FLOOD)
        for n in range(QUIET_LINES):
            await still.evaluate("n => console.log('quiet ' + n)", n)
            await eventually(lambda: len(console(followed.events)) == n + 1)  # noqa: B023
    await browser.close()
    await quiet.stop()
    events = await quiet.events()
    assert_whole(events)
    assert console(events) == [f"quiet {n}" for n in range(QUIET_LINES)]
    assert not [each for each in events if each["type"] == "events.suppressed"]
    await page.wait_for_function("left <= 0", timeout=60_000)
    assert_whole(await run.events())

"""Where a real Chromium goes, how it comes to an end, and pages that behave oddly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.worker_cdp import CdpClient, CdpPage
from tests.support.worker_server import HTML, Reply, Server

pytestmark = pytest.mark.browser

ATTACHMENT = {"Content-Disposition": "attachment; filename=x.bin", "Content-Type": "application/x"}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as server:
        server.routes |= {
            "/204": Reply(204),
            "/file": Reply(headers=ATTACHMENT, body=b"x" * 50_000),
            "/denied": Reply(headers=HTML | {"X-Frame-Options": "DENY"}, body=b"no"),
            "/held": server.held,
        }
        yield server


@pytest.fixture
async def at_blank(page: CdpPage, server: Server) -> CdpPage:
    await page.goto(f"{server.url}/blank")
    return page


def phases(real: RealRuntime, url: str) -> list[str]:
    """What became of the navigations to a URL."""
    return [each["phase"] for each in real.of("navigation") if each["url"] == url]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/204", "net::ERR_ABORTED"),
        ("/file", "net::ERR_ABORTED"),
        ("http://127.0.0.1:1/", "net::ERR_UNSAFE_PORT"),
        ("http://nowhere.invalid/", "net::ERR_NAME_NOT_RESOLVED"),
    ],
)
async def test_a_navigation_that_does_not_arrive_fails_once_and_says_why(
    path: str, reason: str, real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    url = f"{server.url}{path}" if path.startswith("/") else path
    await at_blank.call("Page.navigate", url=url)
    failed = await real.until("navigation", phase="failed", url=url, _page=at_blank.target)
    assert (failed["errorText"], failed["_status"]) == (reason, "failed")
    started = await real.until("navigation", phase="started", url=url, _page=at_blank.target)
    assert started["loaderId"] == failed["loaderId"]
    await at_blank.goto(f"{server.url}/blank?after")
    told = [each["phase"] for each in real.of("navigation") if each["_page"] == at_blank.target]
    assert told.count("failed") == 1


async def test_a_navigation_that_another_takes_the_place_of(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    held, after = f"{server.url}/held", f"{server.url}/blank?instead"
    await at_blank.evaluate("void (location.href = '/held')")
    await eventually(lambda: "GET /held" in server.paths)
    await at_blank.call("Page.navigate", url=after)
    await real.until("navigation", phase="finished", url=after)
    assert phases(real, held) == ["started", "failed"]
    assert phases(real, after) == ["started", "committed", "finished"]


async def test_a_frame_that_may_not_be_shown(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    url = f"{server.other_url}/denied"
    await at_blank.evaluate(
        f"document.body.append(Object.assign(document.createElement('iframe'), {{src: '{url}'}}))"
    )
    failed = await real.until("navigation", phase="failed", url=url)
    assert failed["errorText"] == "net::ERR_BLOCKED_BY_RESPONSE"
    assert not failed["mainFrame"]
    assert phases(real, url) == ["started", "failed"]


async def test_forth_and_back_within_and_between_documents(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    await at_blank.evaluate("location.hash = 'part'; history.pushState(0, '', '/pushed'); 1")
    await at_blank.goto(f"{server.url}/blank?two")
    await at_blank.evaluate("history.back()")
    pushed = f"{server.url}/pushed"
    await eventually(lambda: phases(real, pushed)[-1:] == ["finished"])
    assert phases(real, f"{server.url}/blank#part") == ["same_document"]
    assert phases(real, pushed) == ["same_document", "started", "committed", "finished"]
    loaders = [each.get("loaderId") for each in real.of("navigation") if each["url"] == pushed]
    assert len(set(loaders[1:])) == 1


async def test_a_load_is_timed_from_its_request(
    real: RealRuntime, page: CdpPage, server: Server
) -> None:
    await page.goto(f"{server.url}/blank?timed")
    await real.until("page.load", milestone="load", url=f"{server.url}/blank?timed")
    request = await real.until("network.request", url=f"{server.url}/blank?timed")
    loads = [
        each for each in real.events if each.type == "page.load" and each.pageid == page.target
    ]
    for event in loads[-2:]:
        took_ms = (real.body(event)["timestamp"] - request["timestamp"]) * 1000
        assert event.durationms == round(took_ms)


# frames and pages


async def test_frames_come_and_go_whatever_process_they_are_in(
    real: RealRuntime, page: CdpPage, server: Server
) -> None:
    inner = f"<iframe src=/blank?in></iframe><iframe src={server.other_url}/blank?other></iframe>"
    server.routes["/frames"] = f"<!doctype html>{inner}<iframe srcdoc=hi></iframe>"
    await page.goto(f"{server.url}/frames")

    def frames(phase: str) -> list[str]:
        told = real.of("page.frame")
        return [
            each["frameId"]
            for each in told
            if (each["phase"], each["_page"]) == (phase, page.target)
        ]

    assert len(set(frames("attached"))) == len(frames("attached")) == 3
    await page.evaluate("document.querySelector('iframe').remove()")
    await eventually(lambda: len(frames("detached")) == 1)
    await page.goto(f"{server.url}/blank?away")
    await eventually(lambda: len(frames("detached")) == 3)
    assert set(frames("detached")) == set(frames("attached"))


async def test_who_opened_a_page(real: RealRuntime, page: CdpPage, server: Server) -> None:
    server.routes["/opener"] = "<!doctype html><iframe src=/inner></iframe>"
    server.routes["/inner"] = "<!doctype html><script>open('/blank?opened')</script>"
    await page.goto(f"{server.url}/opener")
    opened = await real.until("page.opened", openerId=page.target)
    frame = await real.until("navigation", phase="committed", url=f"{server.url}/inner")
    assert opened["openerFrameId"] == frame["frameId"]
    await real.until("page.load", milestone="load", url=f"{server.url}/blank?opened")


async def test_a_download_in_a_frame_belongs_to_the_frames_page(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    await at_blank.evaluate(
        "document.body.append(Object.assign(document.createElement('iframe'), {src: '/file'}))"
    )
    began = await real.until("download", phase="began", url=f"{server.url}/file")
    ended = await real.until("download", phase="completed", guid=began["guid"])
    assert (began["_page"], ended["_page"]) == (at_blank.target, at_blank.target)
    assert began["frameId"] != at_blank.target
    assert ended["receivedBytes"] == ended["totalBytes"] == 50_000


async def test_a_download_comes_on_by_quarters(
    real: RealRuntime, at_blank: CdpPage, server: Server
) -> None:
    size = 24 * 1024 * 1024
    server.routes["/large"] = Reply(headers=ATTACHMENT, body=b"x" * size)
    await at_blank.evaluate("void (location.href = '/large')")
    began = await real.until("download", phase="began", url=f"{server.url}/large")
    await real.until("download", phase="completed", guid=began["guid"])
    steps = [each for each in real.of("download") if each["guid"] == began["guid"]]
    assert [each["phase"] for each in steps][:1] == ["began"]
    received = [each["receivedBytes"] for each in steps[1:]]
    assert received == sorted(received)
    assert received[-1] == size
    assert len(steps) <= 5


# oddities


async def test_a_page_that_navigates_in_a_loop(
    real: RealRuntime, page: CdpPage, server: Server
) -> None:
    server.routes["/loop"] = (
        "<!doctype html><script>n = +location.search.slice(1) || 0;"
        "if (n < 30) location.replace('/loop?' + (n + 1)); else console.log('out of it')</script>"
    )
    await page.call("Page.navigate", url=f"{server.url}/loop?0")
    await real.until("console.message", text="out of it")
    asked = [path for path in server.paths if path.startswith("GET /loop")]
    urls = [each["url"] for each in real.of("network.request") if "/loop?" in each["url"]]
    assert [f"GET /{url.split('/', 3)[3]}" for url in urls] == asked


async def test_a_page_that_never_stops_loading(
    real: RealRuntime, client: CdpClient, server: Server
) -> None:
    server.routes["/endless"] = "<!doctype html><img src=/held>"
    page = await client.new_page()
    await page.call("Page.navigate", url=f"{server.url}/endless")
    await real.until("network.request", url=f"{server.url}/held")
    await page.close()
    await real.until("page.closed", _page=page.target)
    url = f"{server.url}/endless"
    assert phases(real, url)[:2] == ["started", "committed"]
    assert real.find("page.load", milestone="load", url=url) is None


async def test_a_hundred_thousand_nodes_and_ten_thousand_lines(
    real: RealRuntime, at_blank: CdpPage
) -> None:
    await at_blank.evaluate("document.body.innerHTML = '<p>x'.repeat(100000); 1")
    before = len(real.outbox.entries)
    await at_blank.evaluate(
        "setTimeout(() => { for (let n = 0; n < 10000; n++) console.log('line', n) }); 1"
    )
    await eventually(lambda: len(real.outbox.entries) >= before + 10000)
    await real.until("console.message", text="line 9999")  # another event may be among so many
    lines = [each["text"] for each in real.of("console.message") if each["text"][:5] == "line "]
    assert lines == [f"line {number}" for number in range(10000)]


async def test_arguments_one_by_one(real: RealRuntime, at_blank: CdpPage) -> None:
    await at_blank.evaluate("console.warn('told', {a: [1]}, null, 7n)")
    said = await real.until("console.message", method="warning", _page=at_blank.target)
    expected: list[dict[str, Any]] = [
        {"type": "string", "text": "told"},
        {"type": "object", "text": "{a: Array(1)}"},
        {"type": "object", "text": "null", "subtype": "null"},
        {"type": "bigint", "text": "7n"},
    ]
    assert said["args"] == expected

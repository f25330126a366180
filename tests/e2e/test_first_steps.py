"""A tour of the bundled site, and what the recorder then says of it, held against the site's access log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Playwright

from deploy.first_run_tour import STOPS
from deploy.site import Access, Site
from tests.support.run import Event, assert_whole, console
from tests.support.stack import Stack


@dataclass(frozen=True)
class Tour:
    """All that is known of a walk through every page of the site."""

    run: dict[str, Any]
    runtime: dict[str, Any]
    events: list[Event]
    requests: list[Access]
    url: str
    other_url: str

    def of(self, kind: str, **data: object) -> list[Event]:
        """Events of a type with these values in their data."""
        return [
            each
            for each in self.events
            if each["type"] == kind and data.items() <= each["data"].items()
        ]

    def one(self, kind: str, **data: object) -> Event:
        """The only such event."""
        (event,) = self.of(kind, **data)
        return event


@pytest.fixture(scope="module")
async def tour(stack: Stack, playwright: Playwright) -> Tour:
    async with Site() as site:
        run = await stack.run()
        browser = await playwright.chromium.connect_over_cdp(run.connect_url)
        page = await browser.contexts[0].new_page()
        for stop in STOPS.values():
            await stop(page, site)
            # Asked for after the page has loaded; asked for again where one leaves before it has come.
            await run.event("network.response", url=f"{site.url}/favicon.ico")
        await browser.close()
        await run.stop()
        runtime = (await stack.http.get(f"/v1/runtimes/{run.runtime_id}")).json()
        return Tour(
            run=await run.get(),
            runtime=runtime,
            events=await run.events(),
            requests=list(site.requests),
            url=site.url,
            other_url=site.other_url,
        )


# the run


async def test_the_events_are_whole(tour: Tour) -> None:
    assert_whole(tour.events)
    assert tour.run["counts"]["events"] == len(tour.events) == tour.run["lastSequence"]
    assert (tour.run["missing"], tour.run["late"]) == ([], 0)


async def test_times_do_not_run_backwards(tour: Tour) -> None:
    times = [each["time"] for each in tour.events]
    assert times == sorted(times)


async def test_the_lifecycle_frames_the_run(tour: Tour) -> None:
    lifecycle = tour.of("runtime.lifecycle")
    assert [each["data"]["phase"] for each in lifecycle] == ["launching", "ready", "ended"]
    assert [tour.events[0], tour.events[-1]] == [lifecycle[0], lifecycle[-1]]
    assert lifecycle[-1]["status"] == "stopped"
    assert lifecycle[-1]["data"]["code"] == "runtime.stop_requested"


async def test_the_run_has_ended_in_order(tour: Tour) -> None:
    assert (tour.run["status"], tour.run["failure"]) == ("stopped", None)
    assert tour.run["startedAt"] < tour.run["finishedAt"]
    assert tour.run["durationSeconds"] > 0
    assert (tour.runtime["status"], tour.runtime["activeRunId"]) == ("stopped", None)


async def test_the_connection_is_told_from_both_ends(tour: Tour) -> None:
    opened, closed = tour.one("connection.opened"), tour.one("connection.closed")
    assert opened["connectionId"] == closed["connectionId"]
    assert opened["data"]["userAgent"].startswith("Playwright/")
    assert closed["data"]["messagesFromClient"] > 0
    assert closed["durationSeconds"] > 0


# the network


async def test_every_line_of_the_access_log_is_an_exchange(tour: Tour) -> None:
    exchanges = Counter(_exchanges(tour))
    served = Counter((line.method, line.path, line.status) for line in tour.requests)
    assert exchanges == served
    assert served["GET", "/favicon.ico", 200] == 1


def _exchanges(tour: Tour) -> list[tuple[str, str, int]]:
    """Requests with the status of their response; a redirect keeps its request id and answers first."""
    waiting: dict[str, list[Event]] = {}
    found = []
    for event in tour.of("network.request") + tour.of("network.response"):
        waiting.setdefault(event["data"]["requestId"], []).append(event)
    for events in waiting.values():
        requests = [each["data"] for each in events if each["type"] == "network.request"]
        responses = [each["data"] for each in events if each["type"] == "network.response"]
        for request, response in zip(requests, responses, strict=True):
            assert request["url"] == response["url"]
            path = request["url"].removeprefix(tour.url).removeprefix(tour.other_url)
            found.append((request["method"], path, response["httpStatus"]))
    return found


async def test_every_exchange_ends_once(tour: Tour) -> None:
    asked = {each["data"]["requestId"] for each in tour.of("network.request")}
    ends = tour.of("network.finished") + tour.of("network.failed")
    assert Counter(each["data"]["requestId"] for each in ends) == Counter(asked)


async def test_a_redirect_is_two_hops_of_one_request(tour: Tour) -> None:
    first = tour.one("network.request", url=f"{tour.url}/old")
    hops = tour.of("network.request", requestId=first["data"]["requestId"])
    assert [each["data"]["url"] for each in hops] == [f"{tour.url}/old", f"{tour.url}/about.html"]
    answers = tour.of("network.response", requestId=first["data"]["requestId"])
    assert [each["data"]["httpStatus"] for each in answers] == [302, 200]
    assert [each["data"].get("redirect", False) for each in answers] == [True, False]


async def test_a_missing_page_is_a_404_and_still_a_page(tour: Tour) -> None:
    url = f"{tour.url}/missing.html"
    assert tour.one("network.response", url=url)["data"]["httpStatus"] == 404
    assert tour.one("navigation", url=url, phase="committed")
    assert tour.one("console.message", url=url, source="network")["data"]["level"] == "error"


# pages


async def test_each_page_is_loaded_in_order(tour: Tour) -> None:
    url = f"{tour.url}/quote.html"
    story = [
        (each["type"], each["data"].get("phase") or each["data"].get("milestone"))
        for each in tour.events
        if each["data"].get("url") == url and each["type"] in ("navigation", "page.load")
    ]
    assert story == [
        ("navigation", "started"),
        ("navigation", "committed"),
        ("page.load", "domContentLoaded"),
        ("page.load", "load"),
        ("navigation", "finished"),
    ]


async def test_a_popup_knows_its_opener(tour: Tour) -> None:
    opener = tour.one("navigation", url=f"{tour.url}/popup.html", phase="committed")["pageId"]
    popup = next(each for each in tour.of("page.opened") if "openerId" in each["data"])
    assert popup["data"]["openerId"] == opener != popup["pageId"]
    assert tour.one("page.closed", url=f"{tour.url}/hello.html")["pageId"] == popup["pageId"]
    assert tour.one("network.request", url=f"{tour.url}/hello.js")["pageId"] == popup["pageId"]


async def test_a_frame_of_another_origin_belongs_to_its_page(tour: Tour) -> None:
    page = tour.one("navigation", url=f"{tour.url}/frame.html", phase="committed")["pageId"]
    for path in ("inset.html", "inset.js", "site.css"):
        assert tour.one("network.request", url=f"{tour.other_url}/{path}")["pageId"] == page
    inset = tour.one("navigation", url=f"{tour.other_url}/inset.html", phase="committed")
    assert (inset["pageId"], inset["data"]["mainFrame"]) == (page, False)


async def test_both_script_errors_are_told(tour: Tour) -> None:
    thrown, rejected = tour.of("page.error")
    assert "The splicer jammed at frame 24." in thrown["data"]["message"]
    assert thrown["data"]["url"] == f"{tour.url}/broken.js"
    assert thrown["data"]["stack"][0]["functionName"] == "cut"
    assert "The spare blade never arrived." in rejected["data"]["message"]
    assert [each["data"].get("inPromise", False) for each in (thrown, rejected)] == [False, True]


async def test_the_console_keeps_its_levels(tour: Tour) -> None:
    lines = tour.of("console.message", url=f"{tour.url}/about.js")[-3:]
    assert console(lines) == [
        "The kettle is on.",
        "Reel 7 is due back on Thursday.",
        "Reel 9 came back without its can.",
    ]
    assert [each["data"]["level"] for each in lines] == ["info", "warning", "error"]


async def test_a_dialog_is_opened_and_answered(tour: Tour) -> None:
    opened, closed = tour.of("dialog")
    assert opened["data"]["phase"] == "opened"
    assert opened["data"]["message"] == "Hand over reel RC-1962-007?"
    assert closed["data"]["phase"] == "closed"
    assert (closed["data"]["accepted"], closed["data"]["answeredBy"]) == (True, "client")


async def test_a_download_is_begun_and_completed_with_its_bytes(tour: Tour) -> None:
    began, completed = tour.of("download")
    assert began["data"]["suggestedFilename"] == "report.csv"
    assert completed["data"]["phase"] == "completed"
    assert began["data"]["guid"] == completed["data"]["guid"]
    (line,) = [each for each in tour.requests if each.path == "/report.csv"]
    assert completed["data"]["receivedBytes"] == line.body_bytes


# the list


FILTERS: list[tuple[str, str, Callable[[Event], bool]]] = [
    ("type", "console.message", lambda event: event["type"] == "console.message"),
    ("type", "network.*", lambda event: event["type"].startswith("network.")),
    ("category", "network", lambda event: event["type"].startswith("network.")),
    ("status", "failed", lambda event: event.get("status") == "failed"),
]


@pytest.mark.parametrize(("name", "value", "fits"), FILTERS)
async def test_a_filter_leaves_out_the_rest(
    tour: Tour, stack: Stack, name: str, value: str, fits: Callable[[Event], bool]
) -> None:
    path = f"/v1/runs/{tour.run['id']}/events"
    page = (await stack.http.get(path, params={name: value, "limit": 1000})).json()
    assert page["data"] == [each for each in tour.events if fits(each)]
    assert page["data"]


async def test_a_page_can_be_followed_by_its_id(tour: Tour, stack: Stack) -> None:
    popup = next(each for each in tour.of("page.opened") if "openerId" in each["data"])["pageId"]
    path = f"/v1/runs/{tour.run['id']}/events"
    page = (await stack.http.get(path, params={"pageId": popup, "limit": 1000})).json()
    assert page["data"] == [each for each in tour.events if each.get("pageId") == popup]


async def test_the_list_backwards_is_the_list_reversed(tour: Tour, stack: Stack) -> None:
    path = f"/v1/runs/{tour.run['id']}/events"
    page = (await stack.http.get(path, params={"order": "desc", "limit": 1000})).json()
    numbers = [each["sequence"] for each in page["data"]]
    assert all(later > earlier for later, earlier in pairwise(numbers))
    assert page["data"] == tour.events[::-1]

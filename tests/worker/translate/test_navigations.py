from __future__ import annotations

from typing import Any

import pytest

from schemas.events.navigation import Navigation
from schemas.events.page import PageFrame
from tests.support.worker_translate import facts, only, page
from worker.translate import Tapped

STARTED = {"frameId": "P1", "url": "http://a.test/", "loaderId": "L1"}
FRAME = {"id": "P1", "loaderId": "L1", "url": "http://a.test/"}


def test_a_frame_sets_out() -> None:
    fact = only("Page.frameStartedNavigating", STARTED | {"navigationType": "reload"})
    assert fact.status == "started"
    assert fact.data == Navigation(
        phase="started",
        url="http://a.test/",
        frame_id="P1",
        main_frame=True,
        loader_id="L1",
        navigation_type="reload",
    )


@pytest.mark.parametrize(
    "others",
    [
        {"navigationType": "sameDocument"},
        {"navigationType": "historySameDocument"},
        {"url": "chrome://newtab/"},
    ],
)
def test_what_is_no_navigation_of_its_own(others: dict[str, Any]) -> None:
    assert facts("Page.frameStartedNavigating", STARTED | others) == []


def test_a_frame_has_arrived() -> None:
    inner = FRAME | {"id": "F1", "parentId": "P1", "urlFragment": "#x", "name": "side"}
    fact = only("Page.frameNavigated", {"frame": inner | {"mimeType": "text/html"}})
    assert fact.status == "finished"
    assert fact.data == Navigation(
        phase="committed",
        url="http://a.test/#x",
        frame_id="F1",
        main_frame=False,
        loader_id="L1",
        parent_frame_id="P1",
        mime_type="text/html",
        name="side",
    )


def test_an_error_page_has_arrived_in_its_place() -> None:
    tapped = page()
    failed = FRAME | {"url": "chrome-error://x/", "unreachableUrl": "http://b.test/"}
    fact = only("Page.frameNavigated", {"frame": failed}, tapped)
    assert isinstance(fact.data, Navigation)
    assert (fact.status, fact.data.phase, fact.data.url) == ("failed", "failed", "http://b.test/")
    assert facts("Page.loadEventFired", {"timestamp": 1}, tapped) == []
    only("Page.frameNavigated", {"frame": FRAME}, tapped)
    only("Page.loadEventFired", {"timestamp": 2}, tapped)


def test_an_error_in_a_frame_does_not_silence_its_page() -> None:
    tapped = page()
    failed = FRAME | {"id": "F1", "unreachableUrl": "http://b.test/"}
    only("Page.frameNavigated", {"frame": failed}, tapped)
    only("Page.loadEventFired", {"timestamp": 1}, tapped)


def test_the_url_changes_and_the_document_stays() -> None:
    params = {"frameId": "P1", "url": "http://a.test/#2", "navigationType": "fragment"}
    assert only("Page.navigatedWithinDocument", params).data == Navigation(
        phase="same_document",
        url="http://a.test/#2",
        frame_id="P1",
        main_frame=True,
        navigation_type="fragment",
    )


DOCUMENT = {
    "requestId": "L1",
    "loaderId": "L1",
    "type": "Document",
    "frameId": "P1",
    "request": {"url": "http://a.test/", "method": "GET"},
}
STOPPED = {"frameId": "P1"}


def under_way() -> Tapped:
    tapped = page()
    facts("Page.frameStartedNavigating", STARTED, tapped)
    facts("Network.requestWillBeSent", DOCUMENT, tapped)
    return tapped


def navigations(method: str, params: dict[str, Any], tapped: Tapped) -> list[Navigation]:
    told = [fact.data for fact in facts(method, params, tapped)]
    return [data for data in told if isinstance(data, Navigation)]


def fails(error_text: str, *, canceled: bool) -> dict[str, Any]:
    return {"requestId": "L1", "type": "Document", "errorText": error_text, "canceled": canceled}


def test_a_document_that_is_asked_for_has_set_out() -> None:
    """Older Chromiums tell it by nothing else; newer ones have told it, and it is not told again."""
    (started,) = navigations("Network.requestWillBeSent", DOCUMENT, page())
    assert (started.phase, started.url, started.loader_id) == ("started", "http://a.test/", "L1")
    assert started.main_frame
    tapped = page()
    facts("Page.frameStartedNavigating", STARTED, tapped)
    assert navigations("Network.requestWillBeSent", DOCUMENT, tapped) == []


def test_the_server_names_another_url() -> None:
    tapped = under_way()
    moved = {"url": "http://a.test/", "status": 302}
    again = DOCUMENT | {
        "request": {"url": "http://b.test/", "method": "GET", "urlFragment": "#x"},
        "redirectResponse": moved,
    }
    (redirected,) = navigations("Network.requestWillBeSent", again, tapped)
    assert (redirected.phase, redirected.url) == ("redirected", "http://b.test/#x")
    assert redirected.loader_id == "L1"


def test_a_frame_and_what_it_needs_is_loaded_once() -> None:
    tapped = under_way()
    assert navigations("Page.frameStoppedLoading", STOPPED, tapped) == []
    facts("Page.frameNavigated", {"frame": FRAME}, tapped)
    (finished,) = navigations("Page.frameStoppedLoading", STOPPED, tapped)
    assert (finished.phase, finished.loader_id) == ("finished", "L1")
    assert navigations("Page.frameStoppedLoading", STOPPED, tapped) == []


def test_what_never_commits_fails_with_its_request() -> None:
    tapped = under_way()
    failed = fails("net::ERR_ABORTED", canceled=True)
    (told,) = navigations("Network.loadingFailed", failed, tapped)
    assert (told.phase, told.url, told.error_text) == (
        "failed",
        "http://a.test/",
        "net::ERR_ABORTED",
    )
    assert navigations("Page.frameStoppedLoading", STOPPED, tapped) == []
    assert tapped.browser.navigations == {}


def test_an_error_page_tells_the_failure_once_and_why() -> None:
    tapped = under_way()
    failed = fails("net::ERR_NAME_NOT_RESOLVED", canceled=False)
    assert navigations("Network.loadingFailed", failed, tapped) == []
    frame = FRAME | {"url": "chrome-error://x/", "unreachableUrl": "http://a.test/"}
    (told,) = navigations("Page.frameNavigated", {"frame": frame}, tapped)
    assert (told.phase, told.error_text) == ("failed", "net::ERR_NAME_NOT_RESOLVED")
    assert navigations("Page.frameStoppedLoading", STOPPED, tapped) == []


def test_an_error_page_that_nobody_told_of() -> None:
    """A blocked frame's is there before its process is listened to."""
    tapped = under_way()
    facts("Network.loadingFailed", fails("net::ERR_BLOCKED_BY_RESPONSE", canceled=False), tapped)
    (told,) = navigations("Page.frameStoppedLoading", STOPPED, tapped)
    assert (told.phase, told.error_text) == ("failed", "net::ERR_BLOCKED_BY_RESPONSE")


def test_a_page_out_of_the_cache_is_finished_as_it_comes() -> None:
    """Its document is the old one; the navigation is the new one."""
    tapped = page()
    back = STARTED | {"loaderId": "L2", "navigationType": "historyDifferentDocument"}
    facts("Page.frameStartedNavigating", back, tapped)
    assert navigations("Page.frameStoppedLoading", STOPPED, tapped) == []
    restored = {"frame": FRAME, "type": "BackForwardCacheRestore"}
    told = navigations("Page.frameNavigated", restored, tapped)
    assert [(each.phase, each.loader_id) for each in told] == [
        ("committed", "L2"),
        ("finished", "L2"),
    ]


def frames(method: str, params: dict[str, Any], tapped: Tapped) -> list[PageFrame]:
    told = [fact.data for fact in facts(method, params, tapped)]
    return [data for data in told if isinstance(data, PageFrame)]


def test_frames_come_and_go() -> None:
    tapped = page()
    attached = {"frameId": "F1", "parentFrameId": "P1"}
    assert frames("Page.frameAttached", attached, tapped) == [
        PageFrame(phase="attached", frame_id="F1", parent_frame_id="P1")
    ]
    swapped = {"frameId": "F1", "reason": "swap"}
    assert frames("Page.frameDetached", swapped, tapped) == []
    assert frames("Page.frameAttached", attached, tapped) == []  # it was there all the time
    removed = {"frameId": "F1", "reason": "remove"}
    assert frames("Page.frameDetached", removed, tapped) == [
        PageFrame(phase="detached", frame_id="F1")
    ]
    assert frames("Page.frameDetached", removed, tapped) == []


def test_frames_go_with_their_document() -> None:
    tapped = page()
    facts("Page.frameAttached", {"frameId": "F1"}, tapped)
    assert frames("Page.frameNavigated", {"frame": FRAME | {"id": "F1"}}, tapped) == []
    gone = frames("Page.frameNavigated", {"frame": FRAME}, tapped)
    assert gone == [PageFrame(phase="detached", frame_id="F1")]


def test_a_page_takes_what_is_remembered_of_it_along() -> None:
    tapped = under_way()
    facts("Page.frameAttached", {"frameId": "F1"}, tapped)
    facts("Target.detachedFromTarget", {"sessionId": "S"}, tapped)
    browser = tapped.browser
    assert (browser.frames, browser.navigations, len(browser.requests)) == ({}, {}, 0)

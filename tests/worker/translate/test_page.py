from __future__ import annotations

from typing import Any

import pytest

from schemas.events.dialog import Dialog
from schemas.events.navigation import Navigation
from schemas.events.page import PageLoad
from tests.support.worker_translate import facts, only, page, worker

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


@pytest.mark.parametrize(
    ("method", "milestone"),
    [("Page.domContentEventFired", "domContentLoaded"), ("Page.loadEventFired", "load")],
)
def test_milestones_are_those_of_pages(method: str, milestone: Any) -> None:
    fact = only(method, {"timestamp": 2.5})
    assert fact.data == PageLoad(milestone=milestone, url="http://a.test/", timestamp=2.5)
    assert facts(method, {"timestamp": 2.5}, page(type="iframe")) == []
    assert facts(method, {"timestamp": 2.5}, worker()) == []


def test_what_was_typed_into_a_dialog_is_counted_and_not_kept() -> None:
    opened = only("Page.javascriptDialogOpening", {"type": "prompt", "message": "Name?"})
    assert opened.data == Dialog(phase="opened", dialog_type="prompt", message="Name?")
    closed = only("Page.javascriptDialogClosed", {"result": True, "userInput": "hunter2"})
    assert closed.data == Dialog(phase="closed", accepted=True, user_input_chars=7)

"""Titles, dialogs and downloads: where a tap does more than hand on what it hears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.events.dialog import Dialog
from schemas.events.download import Download
from schemas.events.page import PageTitle
from tests.support.cdp_replay import BROWSER, PAGE, Bench, attached, event
from worker.tap.calls import download_behavior


@pytest.fixture
def bench() -> Bench:
    return Bench(BROWSER)


def loaded(session: bytes = PAGE) -> bytes:
    return event(session, "Page.loadEventFired", timestamp=1.0)


def has_title(bench: Bench, title: str, url: str, at: int = -1) -> bytes:
    asked = bench.sent("Target.getTargetInfo")[at]
    info = {"targetId": "P1", "type": "page", "title": title, "url": url}
    return msgspec.json.encode(
        {"id": asked["id"], "result": {"targetInfo": info}, "sessionId": BROWSER.decode()}
    )


def titles(bench: Bench) -> list[str]:
    return [fact.data.title for fact in bench.facts if isinstance(fact.data, PageTitle)]


def test_a_title_is_asked_for_after_a_load(bench: Bench) -> None:
    bench.hear(attached(url="http://a.test/"), loaded())
    bench.hear(has_title(bench, "Shop", "http://a.test/"))
    bench.hear(loaded())
    bench.hear(has_title(bench, "Shop", "http://a.test/"))  # the same again is nothing new
    assert titles(bench) == ["Shop"]


def test_a_title_of_a_page_that_has_gone_on_is_not_told(bench: Bench) -> None:
    bench.hear(attached(url="http://a.test/"), loaded())
    bench.hear(has_title(bench, "Next", "http://a.test/next"))
    assert titles(bench) == []


@pytest.mark.parametrize("title", ["", "a.test", "http://a.test/", "a.test/"])
def test_a_url_in_the_place_of_a_title_is_none(bench: Bench, title: str) -> None:
    bench.hear(attached(url="http://a.test/"), loaded())
    bench.hear(has_title(bench, title, "http://a.test/"))
    assert titles(bench) == []


def test_an_answer_that_is_an_error_is_no_title(bench: Bench) -> None:
    bench.hear(attached(url="http://a.test/"), loaded())
    asked = bench.sent("Target.getTargetInfo")[0]["id"]
    error = {"id": asked, "error": {"code": -32000, "message": "No target"}}
    bench.hear(msgspec.json.encode(error | {"sessionId": BROWSER.decode()}))
    assert titles(bench) == []


# dialogs and downloads


def test_a_dialog_is_dismissed_once_nobody_is_left_to_answer(bench: Bench) -> None:
    bench.hear(attached())
    bench.answerable = True
    bench.hear(opens())
    assert bench.line.sent[-1]["method"] != "Page.handleJavaScriptDialog"
    bench.answerable = False
    bench.tap.client_left("c")
    bench.tap.client_left("c")
    calls = [sent["method"] for sent in bench.line.sent]
    assert calls.count("Page.handleJavaScriptDialog") == 1


def opens(session: bytes = PAGE) -> bytes:
    return event(session, "Page.javascriptDialogOpening", type="confirm", message="Sure?", url="/")


def closes(*, result: bool, session: bytes = PAGE) -> bytes:
    return event(session, "Page.javascriptDialogClosed", result=result, userInput="abc")


@pytest.mark.parametrize(("answerable", "by"), [(False, "worker"), (True, "client")])
def test_a_dialog_is_dismissed_only_when_nobody_can_answer(answerable: bool, by: Any) -> None:
    bench = Bench(BROWSER, answerable=answerable)
    bench.hear(attached(), opens(), closes(result=answerable))
    dismissed = bench.sent("Page.handleJavaScriptDialog")
    assert [call["params"] for call in dismissed] == [{"accept": False}] * (not answerable)
    opened, closed = (fact.data for fact in bench.facts[1:])
    assert opened == Dialog(phase="opened", dialog_type="confirm", message="Sure?", url="/")
    assert closed == Dialog(
        phase="closed",
        accepted=answerable,
        answered_by=by,
        user_input_chars=3,
    )


def begins(frame: str, guid: str = "g1") -> bytes:
    return event(BROWSER, "Browser.downloadWillBegin", frameId=frame, guid=guid, url="http://a/")


def progresses(state: str, guid: str = "g1") -> bytes:
    return event(BROWSER, "Browser.downloadProgress", guid=guid, state=state, receivedBytes=7)


def test_a_download_belongs_to_the_page_it_began_in_to_its_end(bench: Bench) -> None:
    bench.hear(
        attached(), begins("P1"), progresses("inProgress"), progresses("completed"),
        begins("unknown", "g2"), progresses("canceled", "g2"),
    )  # fmt: skip
    told = [
        (fact.page_id, fact.data.phase, fact.status)
        for fact in bench.facts
        if isinstance(fact.data, Download)
    ]
    assert told == [
        ("P1", "began", "started"),
        ("P1", "completed", "finished"),
        (msgspec.UNSET, "began", "started"),
        (msgspec.UNSET, "canceled", "failed"),
    ]


def test_download_behavior_keeps_files_under_their_guid() -> None:
    assert download_behavior(Path("/run/downloads")) == {
        "behavior": "allowAndName",
        "downloadPath": "/run/downloads",
        "eventsEnabled": True,
    }

"""The small domains: Log, Browser, Target. And what all have in common."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from schemas.events.console import ConsoleMessage
from schemas.events.download import Download
from schemas.events.page import PageClosed, PageCrash, PageOpened, PageTitle
from tests.support.worker_translate import facts, only, page, worker
from worker.translate._registry import is_internal


def entry(**others: Any) -> dict[str, Any]:
    return {"entry": {"source": "network", "level": "error", "text": "404"} | others}


@pytest.mark.parametrize(
    ("level", "told"), [("verbose", "debug"), ("info", "info"), ("warning", "warning")]
)
def test_an_entry_of_the_browsers_log(level: str, told: str) -> None:
    fact = only("Log.entryAdded", entry(level=level, url="/x", networkRequestId="7", lineNumber=1))
    assert fact.data == ConsoleMessage(
        level=told, text="404", source="network", url="/x", line_number=1, request_id="7"
    )


def test_a_pages_copy_of_what_its_worker_said_is_left_out() -> None:
    assert facts("Log.entryAdded", entry(workerId="W1")) == []


def test_a_download_begins() -> None:
    params = {"guid": "g", "url": "http://a/", "frameId": "P1", "suggestedFilename": "a.csv"}
    fact = only("Browser.downloadWillBegin", params)
    assert fact.status == "started"
    assert fact.data == Download(
        phase="began", guid="g", url="http://a/", suggested_filename="a.csv", frame_id="P1"
    )


@pytest.mark.parametrize(
    ("state", "phase", "status"),
    [("completed", "completed", "finished"), ("canceled", "canceled", "failed")],
)
def test_a_download_ends(state: str, phase: Any, status: str) -> None:
    params = {"guid": "g", "state": state, "receivedBytes": 7.0, "totalBytes": 9.0}
    fact = only("Browser.downloadProgress", params)
    assert fact.status == status
    assert fact.data == Download(phase=phase, guid="g", received_bytes=7, total_bytes=9)


MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("total", "received", "told"),
    [
        (1000, [0, 100, 250, 260, 499, 500, 900, 1000, 1000], [250, 500, 900]),
        (1000, [0, 1000, 1000], []),
        (0, [0, 15 * MIB, 16 * MIB, 17 * MIB, 33 * MIB], [16 * MIB, 33 * MIB]),
    ],
)
def test_a_download_comes_on_by_steps(total: int, received: list[int], told: list[int]) -> None:
    tapped = page()
    facts("Browser.downloadWillBegin", {"guid": "g", "frameId": "P1"}, tapped)
    steps = []
    for count in received:
        params = {"guid": "g", "state": "inProgress", "receivedBytes": count, "totalBytes": total}
        steps += facts("Browser.downloadProgress", params, tapped)
    assert [fact.data.received_bytes for fact in steps if isinstance(fact.data, Download)] == told
    assert {fact.status for fact in steps} <= {"received"}
    facts("Browser.downloadProgress", {"guid": "g", "state": "completed"}, tapped)
    assert tapped.browser.downloads == {}


def test_a_download_of_unknown_size() -> None:
    fact = only("Browser.downloadProgress", {"guid": "g", "state": "completed", "totalBytes": 0})
    assert isinstance(fact.data, Download)
    assert fact.data.total_bytes is UNSET


INFO = {"targetId": "P1", "type": "page", "url": "http://a.test/", "title": "Shop"}


def test_a_page_opens_and_closes() -> None:
    attached = {"sessionId": "S", "targetInfo": INFO | {"openerId": "P0", "openerFrameId": "F0"}}
    opened = only("Target.attachedToTarget", attached)
    assert opened.data == PageOpened(url="http://a.test/", opener_id="P0", opener_frame_id="F0")
    assert only("Target.detachedFromTarget", {"sessionId": "S"}).data == PageClosed(
        url="http://a.test/"
    )
    assert facts("Target.attachedToTarget", attached, worker()) == []
    assert facts("Target.detachedFromTarget", {"sessionId": "S"}, worker()) == []


def test_a_page_has_another_title() -> None:
    changed = {"targetInfo": INFO}
    assert only("Target.targetInfoChanged", changed).data == PageTitle(
        title="Shop", url="http://a.test/"
    )
    assert facts("Target.targetInfoChanged", changed, page(title="Shop")) == []
    assert facts("Target.targetInfoChanged", changed, worker()) == []


def test_a_page_crashes() -> None:
    params = {"targetId": "P1", "status": "oom", "errorCode": 9}
    assert only("Target.targetCrashed", params).data == PageCrash(reason="oom", error_code=9)
    assert facts("Target.targetCrashed", params, worker()) == []


@pytest.mark.parametrize(
    ("url", "internal"),
    [
        ("chrome://newtab/", True),
        ("devtools://devtools/x", True),
        ("chrome-extension://abc/x", True),
        ("http://chrome/", False),
        ("about:blank", False),
        ("", False),
    ],
)
def test_is_internal(url: str, internal: bool) -> None:
    assert is_internal(url) is internal

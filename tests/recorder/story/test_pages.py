"""Where pages go, and what goes wrong on them: each visit one row, however it went; what is alike told once."""

from __future__ import annotations

from typing import Any

from recorder.story.words import message_of
from schemas.events.console import ConsoleMessage
from schemas.events.dialog import Dialog
from schemas.events.download import Download
from schemas.events.events import EventsSuppressed
from schemas.events.input import InputClick
from schemas.events.navigation import Navigation
from schemas.events.network import (
    NetworkFailed,
    NetworkFinished,
    NetworkRequest,
    NetworkResponse,
    WebSocketClosed,
    WebSocketCreated,
)
from schemas.events.page import PageClosed, PageCrash, PageError, PageLoad, PageOpened, PageTitle
from tests.support.story_script import CLIENT, PAGE, Script

A = "https://a.example/"
B = "https://b.example/b"


def goes(script: Script, phase: Any, url: str = A, loader: str = "1", **more: Any) -> Script:
    page, after = more.pop("page", PAGE), more.pop("after", 10)
    step = Navigation(phase=phase, url=url, frame_id="f", main_frame=True, loader_id=loader, **more)
    return script.say(step, page=page, after=after)


def visits(script: Script, url: str = A, loader: str = "1", title: str = "") -> Script:
    goes(goes(script, "started", url, loader), "committed", url, loader, after=50)
    script.say(PageLoad(milestone="load", url=url), page=PAGE, after=100)
    return script.say(PageTitle(title=title, url=url), page=PAGE) if title else script


def test_a_navigation_is_one_row_with_its_redirects_from_start_to_load() -> None:
    script = goes(Script(), "started")
    assert script.normal == ["Opening a.example"]
    goes(script, "redirected", B)
    goes(script, "committed", B)
    script.say(NetworkRequest(request_id="2", method="GET", url=B), page=PAGE)
    script.say(NetworkFinished(request_id="2", encoded_bytes=500), page=PAGE)
    script.say(PageLoad(milestone="load", url=B), page=PAGE)
    script.say(PageTitle(title="Bees", url=B), page=PAGE)
    assert script.normal == ["Opened “Bees” (b.example/b), redirected from a.example"]
    row = script.row("browser.navigate")
    assert (row.status, row.duration_ms) == ("finished", 50)
    assert row.data["redirects"] == [A]
    assert (row.data["requests"], row.data["bytes"]) == (1, 500)
    assert (
        message_of(script.row("network.requests")) == "Loading 1 request from b.example (0 bytes)"
    )


def test_a_script_that_sends_on_is_a_redirect() -> None:
    script = goes(goes(Script(), "started"), "committed")
    visits(script, B, "2", "Bees")
    assert script.normal == ["Opened “Bees” (b.example/b), redirected from a.example"]


def test_a_visit_after_a_click_is_another_and_the_clickers() -> None:
    script = goes(goes(Script(), "started"), "committed")
    script.say(InputClick(x=1, y=1), page=PAGE, client=CLIENT)
    visits(script, B, "2")
    assert script.normal == ["Opened a.example", "Clicked at 1, 1", "Opened b.example/b"]
    assert script.rows[-1].data["by"] == {"kind": "client", "connectionId": CLIENT}


def test_what_cannot_be_opened_says_why() -> None:
    script = goes(Script(), "started")
    goes(script, "failed", error_text="net::ERR_NAME_NOT_RESOLVED")
    goes(
        script, "started", loader="2", navigation_type="reload", after=5000
    )  # Chromium tries again
    goes(script, "failed", loader="2", error_text="net::ERR_ABORTED")
    visits(script, B, "3")
    script.say(NetworkResponse(request_id="3", url=B, http_status=404), page=PAGE)
    assert script.normal == [
        "Could not open a.example: the name is not known",
        "Opened b.example/b, but the server answered 404 Not Found",
    ]
    assert [row.severity for row in script.rows] == ["error", "error"]


def test_going_on_within_a_page_is_one_row_until_somebody_acts() -> None:
    script = visits(Script(), title="App")
    for number in range(5):
        goes(script, "same_document", f"{A}#{number}", after=400)
    assert script.normal == [
        "Opened “App” (a.example)",
        "Went on to “App” (a.example/#4), the last of 5 places on the same page",
    ]


def test_a_link_to_a_file_is_a_download() -> None:
    script = visits(Script())
    goes(script, "started", B, "2", after=3000)
    goes(script, "failed", B, "2", error_text="net::ERR_ABORTED")
    began = Download(phase="began", guid="g", url=B, suggested_filename="b.pdf")
    script.say(began, page=PAGE)
    script.say(Download(phase="progress", guid="g", received_bytes=50, total_bytes=100), page=PAGE)
    assert script.normal[1:] == ["Downloading b.pdf (50 bytes of 100 bytes)"]
    script.say(Download(phase="completed", guid="g", received_bytes=1_234_000), page=PAGE)
    assert script.normal[1:] == ["Downloaded b.pdf (1.2 MB)"]


def test_popups_are_told_with_where_they_go() -> None:
    script = visits(Script())
    script.say(PageOpened(url="", opener_id=PAGE), page="popup")
    goes(script, "started", B, "2", page="popup")
    goes(script, "committed", B, "2", page="popup")
    script.say(PageTitle(title="Bees", url=B), page="popup")
    assert script.normal[1:] == ["A popup opened: “Bees” (b.example/b)"]
    script.say(PageClosed(url=B), page="popup")
    assert script.normal[1:] == ["A popup opened: “Bees” (b.example/b), and was closed"]


def test_a_page_that_crashes() -> None:
    script = goes(goes(Script(), "started"), "committed")
    script.say(PageCrash(reason="crashed"), page=PAGE)
    assert script.normal == [
        "Could not open a.example: the page crashed",
        "The page a.example crashed",
    ]


def test_dialogs_and_their_answers() -> None:
    script = Script()
    for kind, accepted, by in (
        ("alert", True, "client"),
        ("confirm", False, "client"),
        ("prompt", True, "worker"),
        ("beforeunload", True, "client"),
    ):
        script.say(Dialog(phase="opened", dialog_type=kind, message="Sure?"), page=PAGE)
        answered: Any = by
        closed = Dialog(phase="closed", accepted=accepted, answered_by=answered)
        script.say(closed, page=PAGE)
    script.say(Dialog(phase="opened", dialog_type="confirm", message="And now?"), page=PAGE)
    assert script.normal == [
        "The page said “Sure?”: confirmed",
        "The page asked “Sure?”: declined",
        "The page asked for a text: “Sure?”: accepted, as nobody was there to answer",
        "The page asked whether to leave it: accepted",
        "The page asked “And now?”, and waits for an answer",
    ]


def test_what_is_alike_is_told_once_a_visit() -> None:
    script = visits(Script())
    for _ in range(3):
        script.say(ConsoleMessage(level="error", text="No kettle."), page=PAGE)
        script.say(PageError(message="Uncaught Error: jam"), page=PAGE)
        failed = NetworkFailed(
            request_id="x", error_text="net::ERR_CONNECTION_REFUSED", url="https://ads.example/1"
        )
        script.say(failed, page=PAGE)
    script.say(NetworkResponse(request_id="y", url=f"{A}x.png", http_status=404), page=PAGE)
    visits(script, B, "2")
    script.say(ConsoleMessage(level="error", text="No kettle."), page=PAGE)
    assert script.normal == [
        "Opened a.example",
        "The page logged an error: No kettle. (3 times)",
        "A script of the page broke: Error: jam (3 times)",
        "3 requests to ads.example failed: the server refused the connection",
        "A request to a.example/x.png was answered with 404 Not Found",
        "Opened b.example/b",
        "The page logged an error: No kettle.",
    ]


def test_what_nobody_minds_is_for_those_who_debug() -> None:
    script = visits(Script())
    icon = NetworkResponse(request_id="y", url=f"{A}favicon.ico", http_status=404)
    script.say(icon, page=PAGE)
    given_up = NetworkFailed(request_id="z", error_text="net::ERR_ABORTED", canceled=True)
    script.say(given_up, page=PAGE)
    failed = ConsoleMessage(level="error", text="Failed to load resource", source="network")
    script.say(failed, page=PAGE)
    script.say(WebSocketCreated(request_id="w", url="wss://a.example/live"), page=PAGE)
    script.say(WebSocketClosed(request_id="w", messages_received=3, bytes_received=90), page=PAGE)
    assert script.normal == ["Opened a.example"]
    assert [message_of(row) for row in script.rows[1:]] == [
        "A request to a.example/favicon.ico was answered with 404 Not Found",
        "A request failed: it was given up",
        "Talked over a WebSocket to wss://a.example/live (3 messages, 90 bytes)",
    ]


def test_what_was_not_recorded_is_said() -> None:
    script = Script()
    for _ in range(2):
        script.say(EventsSuppressed(kind="network.request", count=700, bytes=9, reason="rate"))
    assert script.normal == [
        "1,400 events (network.request) were not recorded: there were more in a second than a run may"
        " have"
    ]

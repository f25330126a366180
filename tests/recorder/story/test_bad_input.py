"""Too much, too odd, half missing: still a story, and a bounded one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from recorder.story import state as states
from recorder.story.state import MOST_ROWS, Row
from recorder.story.text import MOST_MESSAGE
from recorder.story.words import message_of
from schemas.ends import BROWSER_CRASHED, REQUESTED
from schemas.events.artifact import ArtifactCreated
from schemas.events.command import CommandFailed, CommandFinished, CommandQueued
from schemas.events.connection import ConnectionClosed, ConnectionCommand, ConnectionOpened
from schemas.events.console import ConsoleMessage
from schemas.events.dialog import Dialog
from schemas.events.download import Download
from schemas.events.input import Element, InputClick, InputTyping
from schemas.events.navigation import Navigation
from schemas.events.network import NetworkFailed, NetworkFinished, NetworkRequest, NetworkResponse
from schemas.events.page import PageClosed, PageError, PageOpened, PageTitle
from schemas.events.runtime import RuntimeLifecycle
from schemas.events.tool import ToolCallFinished
from tests.support.story_script import CLIENT, PAGE, Script, tell

LARGEST_STATE_BYTES = 300_000


def ended(script: Script, end: Any = REQUESTED) -> Script:
    return script.say(
        RuntimeLifecycle(phase="ended", code=end.code, message=end.message), status=end.status
    )


def key(script: Script, after: int = 10) -> None:
    params: dict[str, str | int | float | bool] = {"type": "keyDown", "textChars": 1}
    call = ConnectionCommand(method="Input.dispatchKeyEvent", params=params)
    script.say(call, after=after, page=PAGE, client=CLIENT)


def goes(script: Script, number: int, *phases: str, after: int = 10) -> None:
    for phase in phases:
        step: Any = phase
        script.say(
            Navigation(
                phase=step,
                url=f"http://shop.example/{number}",
                frame_id="f",
                main_frame=True,
                loader_id=f"loader-{number}",
            ),
            after=after,
            page=PAGE,
        )


def test_100_000_keys_are_one_row() -> None:
    script = Script()
    for _ in range(100_000):
        key(script)
    (row,) = script.rows
    assert message_of(row) == "Typing 100,000 characters"
    ended(script)
    assert message_of(script.row("browser.type")) == "Typed 100,000 characters"


def test_a_page_that_navigates_every_10_ms_is_few_rows() -> None:
    script = Script()
    for number in range(3000):
        goes(script, number, "started", "committed", "finished", after=3)
    rows = script.rows
    assert len(rows) < 20
    assert rows[-1].data["url"] == "http://shop.example/2999"
    assert rows[-1].data["redirectCount"] > 2900
    assert len(rows[-1].data["redirects"]) == 10


def test_what_is_begun_and_never_ends_is_bounded() -> None:
    script = Script()
    for number in range(3000):
        page = f"page-{number}"
        script.say(PageOpened(url="about:blank", opener_id="page-0"), page=page)
        script.say(Dialog(phase="opened", dialog_type="alert", message="hi"), page=page)
        script.say(ConnectionOpened(client_address="127.0.0.1:1"), client=f"connection-{number}")
        script.say(
            CommandQueued(
                command_id=f"command-{number}",
                entry_call="x",
                execution_mode="hosted",
                action="click",
            )
        )
        script.say(ConsoleMessage(level="error", text=f"{number} is wrong"), page=page)
        script.say(PageError(message=f"{number} broke"), page=page)
        script.say(
            NetworkFailed(request_id="r", error_text="net::ERR_FAILED", url=f"http://h{number}/"),
            page=page,
        )
        script.say(Download(phase="began", guid=f"guid-{number}"), page=page)
    rows, state = tell(script.entries)
    assert state is not None
    assert len(states.to_bytes(state)) < LARGEST_STATE_BYTES
    by_type: dict[str, list[Row]] = {}
    for row in rows:
        by_type.setdefault(row.type, []).append(row)
    assert all(len(found) <= MOST_ROWS for found in by_type.values())
    more = {row.data["type"]: row.data["count"] for row in by_type["system.more"]}
    assert more["browser.dialog"] == 2000
    assert message_of(by_type["system.more"][0]).endswith("are not told one by one")
    open_rows = [row for row in rows if row.status == "started"]
    assert len(open_rows) <= states.MOST_OPEN


def test_a_run_that_is_killed_in_mid_navigation() -> None:
    script = Script().say(RuntimeLifecycle(phase="launching")).say(RuntimeLifecycle(phase="ready"))
    goes(script, 1, "started")
    key(script)
    script.say(ConnectionOpened(client_address="x"), client=CLIENT)
    ended(script, BROWSER_CRASHED)
    assert script.normal == [
        "The browser is ready",
        "Opening shop.example/1 was cut short: the browser process ended by itself",
        "Typed 1 character",
        "A client was attached until the end",
        "The browser process ended by itself",
    ]
    assert [row.status for row in script.rows][1:] == ["stopped", "finished", "finished", "failed"]


def test_ends_without_beginnings() -> None:
    script = Script()
    script.say(NetworkResponse(request_id="r", url="http://a/x", http_status=500), page=PAGE)
    script.say(NetworkFinished(request_id="r"), page=PAGE)
    script.say(Navigation(phase="finished", url="http://a/", frame_id="f", main_frame=True))
    script.say(PageClosed(), page="page-2")
    script.say(PageTitle(title="?"), page=PAGE)
    script.say(ConnectionClosed(reason="closed by client", client_address="x"), client=CLIENT)
    script.say(Dialog(phase="closed", accepted=True), page=PAGE)
    script.say(Download(phase="completed", guid="g", received_bytes=12), page=PAGE)
    script.say(CommandFinished(command_id="c"))
    script.say(CommandFailed(command_id="d", outcome="failed", code="x", message="Why not."))
    script.say(ToolCallFinished(tool_call_id="t", tool="think"))
    assert script.normal == [
        "A request to a/x was answered with 500 Internal Server Error",
        "A client was attached",
        "The page opened a dialog: accepted",
        "Downloaded a file (12 bytes)",
        "Did something that was asked for",
        "Could not do something that was asked for: why not",
        "Used the tool “think”",
    ]


def test_what_comes_after_the_end_reopens_nothing() -> None:
    script = ended(Script().say(RuntimeLifecycle(phase="launching")))
    before = script.rows
    goes(script, 1, "started", "committed")
    ended(script, BROWSER_CRASHED)
    made = ArtifactCreated(
        artifact_id="01a203ef-703a-73b4-a503-b4a6623fd1f4",
        kind="report",
        name="report.json",
        path="report.json",
        content_type="application/json",
        size_bytes=12,
        sha256="00",
    )
    script.say(made)
    rows = script.rows
    assert [row for row in rows if row in before] == before
    assert [message_of(row) for row in rows[len(before) :]] == [
        "3 events came after the end",
        "Kept the file report.json (12 bytes)",
    ]


HOSTILE = [
    "\x1b]0;title\x07\x1b[31mred",
    "right\u202eto left\u202c",
    "two\r\nlines\u2028and\u2029more",
    "\x00\x85\ufeff\ufffe",
    "x" * 30_000,
    "👩‍👩‍👧 " * 500,
    "“{}%s%(x)s”",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_one_clean_line(text: str) -> None:
    script = Script()
    goes(script, 1, "started", "committed")
    script.say(PageTitle(title=text), page=PAGE)
    script.say(ConsoleMessage(level="error", text=text), page=PAGE)
    script.say(PageError(message=text), page=PAGE)
    script.say(Dialog(phase="opened", dialog_type="confirm", message=text), page=PAGE)
    script.say(Download(phase="began", guid=text, suggested_filename=text, url=text), page=PAGE)
    script.say(NetworkRequest(request_id="r", method="GET", url=text), page=PAGE)
    script.say(NetworkFailed(request_id="r", error_text=text, url=f"http://{text}/"), page=PAGE)
    element = Element(role=text, name=text, tag=text)
    script.say(InputClick(x=1e308, y=-1e308, element=element), page=PAGE, client=CLIENT)
    script.say(InputTyping(element=element), page=PAGE, client=CLIENT)
    key(script)
    script.say(ConnectionOpened(client_address=text, user_agent=text), client=text[:100])
    for row in script.rows:
        message = message_of(row)
        assert len(message) <= MOST_MESSAGE
        assert not any(char in message for char in "\x00\x07\x1b\r\n\x85\u2028\u2029\u202e\ufeff")


def test_numbers_beyond_measure() -> None:
    script = Script()
    huge = 10**30
    for _ in range(3):
        script.say(NetworkRequest(request_id="r", method="GET", url="http://a/"), page=PAGE)
        script.say(NetworkFinished(request_id="r", encoded_bytes=huge), page=PAGE)
        script.say(Download(phase="progress", guid="g", received_bytes=huge), page=PAGE)
        params: dict[str, str | int | float | bool] = {"type": "mouseWheel", "deltaY": 1e300}
        call = ConnectionCommand(method="Input.dispatchMouseEvent", params=params)
        script.say(call, page=PAGE, client=CLIENT)
    _, state = tell(script.entries, range(1, 12))
    assert state is not None


def test_times_that_are_none_and_clocks_that_go_back() -> None:
    script = Script()
    script.say(ConnectionOpened(client_address="x"), client=CLIENT)
    script.say(
        ConnectionClosed(reason="closed by client", client_address="x"), client=CLIENT, after=-9_000
    )
    assert script.row("runtime.client").duration_ms == 0


def test_rows_are_in_the_order_in_which_they_began() -> None:
    script = Script()
    for number in range(5):
        goes(script, number, "started", "committed", "finished", after=1000)
        key(script)
    places = [(row.epoch, row.position) for row in script.rows]
    assert all(one < other for one, other in pairwise(places))

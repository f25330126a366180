"""What is remembered of a run stays small, whatever texts are in it; and what is needed is not what is forgotten."""

from __future__ import annotations

from recorder.story import state as states
from recorder.story.forgetting import MOST_BYTES, WEIGHED_EVERY_BYTES
from recorder.story.state import MOST_ACTS, MOST_ROWS, MOST_WAITING
from schemas import codec
from schemas.ends import REQUESTED
from schemas.events.command import CommandFinished
from schemas.events.connection import ConnectionCommand, ConnectionOpened
from schemas.events.console import ConsoleMessage
from schemas.events.input import Element, InputTyping
from schemas.events.navigation import Navigation
from schemas.events.network import (
    NetworkFinished,
    NetworkRequest,
    WebSocketClosed,
    WebSocketCreated,
)
from schemas.events.page import PageOpened, PageTitle
from schemas.events.runtime import RuntimeLifecycle
from schemas.events.tool import ToolCallFinished, ToolCallStarted
from tests.recorder.story.test_hosted import asked, done, step
from tests.support.story_script import CLIENT, PAGE, Script, as_table, tell

LARGEST_BYTES = MOST_BYTES + 4 * WEIGHED_EVERY_BYTES  # a text may be remembered at several places


def largest_state_bytes(script: Script, every: int = 10) -> int:
    """At any time of the run; and that it is the same however it is cut."""
    found = []
    entries = script.entries
    cuts = range(every, len(entries), every)
    for end in [*cuts, len(entries)]:
        _, state = tell(entries[:end])
        assert state is not None
        found.append(len(states.to_bytes(state)))
    assert as_table(tell(entries, cuts)[0]) == as_table(tell(entries)[0])
    return max(found)


def test_ids_as_long_as_they_may_be() -> None:
    script = Script()
    calls = [f"{number}-" + "\U0001f600" * 15_000 for number in range(60)]
    for call in calls:
        script.say(ToolCallStarted(tool_call_id=call, tool="x", parent_id=call))
        script.say_raw("captcha.solve.started", codec.encode({"solveId": call}))
        script.say_raw("llm.usage", codec.encode({"toolCallId": call, "model": call}))
    assert largest_state_bytes(script, 60) < 100_000
    script.say(ToolCallFinished(tool_call_id=calls[-1], tool="x"))
    assert [row.status for row in script.rows if row.type == "tool.call"][-1] == "finished"


def test_pages_with_the_longest_texts() -> None:
    script = Script()
    url, text = "http://shop.example/" + "x" * 16_000, "\U0001f600" * 7_000
    for number in range(120):
        page, client = f"page-{number}", f"client-{number}"
        script.say(ConnectionOpened(client_address="x", user_agent=text), client=client)
        script.say(PageOpened(url=url, opener_id="page-0"), page=page)
        for phase in ("started", "redirected", "committed"):
            script.say_raw(
                "navigation",
                codec.encode(
                    Navigation(
                        phase=phase,
                        url=f"{url}/{phase}",
                        frame_id="f",
                        main_frame=True,
                        loader_id=f"loader-{number}",
                    )
                ),
                page=page,
            )
        script.say(PageTitle(title=text, url=""), page=page)
        script.say(ConsoleMessage(level="error", text=f"{number} {text}", url=url), page=page)
        typing = InputTyping(element=Element(role="textbox", name=text))
        script.say(typing, page=page, client=client)
    assert largest_state_bytes(script, 200) < LARGEST_BYTES


def test_acts_are_bounded_within_the_silence_that_would_end_them() -> None:
    script = Script()
    params: dict[str, str | int | float | bool] = {"type": "keyDown", "textChars": 1}
    for number in range(500):
        call = ConnectionCommand(method="Input.dispatchKeyEvent", params=params)
        script.say(call, after=0, page=f"page-{number}", client=CLIENT)
    rows, state = tell(script.entries)
    assert state is not None
    assert len(state.acts) <= MOST_ACTS
    assert sum(row.status == "started" for row in rows) <= MOST_ACTS


def test_a_tool_with_more_calls_within_it_than_can_be_remembered() -> None:
    script = Script().say(ToolCallStarted(tool_call_id="outer", tool="research"))
    for number in range(MOST_WAITING + 50):
        inner = ToolCallStarted(tool_call_id=f"i{number}", tool="look", parent_id="outer")
        script.say(inner).say(ToolCallFinished(tool_call_id=f"i{number}", tool="look"))
    script.say(ToolCallFinished(tool_call_id="outer", tool="research"))
    outer, *inside = script.rows
    assert outer.status == "finished"
    assert {row.parent_id for row in inside} == {outer.id}


def test_an_invocation_is_the_last_to_be_forgotten() -> None:
    script = asked(Script(), "wait_for")
    for number in range(MOST_WAITING - 50):
        script.say(WebSocketCreated(request_id=f"open-{number}", url="ws://a/"), page=PAGE)
    for number in range(100):
        script.say(WebSocketCreated(request_id=f"w{number}", url="ws://a/"), page=PAGE)
        script.say(WebSocketClosed(request_id=f"w{number}"))
    script.say(CommandFinished(command_id="c1"))
    assert script.row("invocation.wait_for").status == "finished"


def test_what_is_only_counted_is_counted_once() -> None:
    script = Script()
    for number in range(MOST_ROWS + 20):
        command = f"c{number}"
        asked(script, "click", command)
        step(script, "click", f"t{number}", command)
        done(script, "click", f"t{number}", command)
        script.say(CommandFinished(command_id=command))
        script.say(ToolCallStarted(tool_call_id=f"a{number}", tool="look"))
        script.say(ToolCallFinished(tool_call_id=f"a{number}", tool="look"))
    rows = script.rows
    told = ("invocation.click", "tool.call", "system.more")
    assert {row.type for row in rows} == set(told)
    assert [row.data["count"] for row in rows if row.type == "system.more"] == [20, 20]


def visit(script: Script, page: str = PAGE, requests: int = 5) -> Script:
    for phase in ("started", "committed", "finished"):
        body = Navigation(
            phase=phase,
            url="http://shop.example/",
            frame_id="f",
            main_frame=True,
            loader_id=f"loader-{page}",
        )
        script.say(body, page=page)
    for number in range(requests):
        url = f"http://host-{number}/"
        script.say(NetworkRequest(request_id=str(number), method="GET", url=url), page=page)
        script.say(NetworkFinished(request_id=str(number), encoded_bytes=1000), page=page)
    return script


def test_what_a_visit_has_loaded_is_told_at_the_runs_end() -> None:
    script = visit(Script())
    end = RuntimeLifecycle(phase="ended", code=REQUESTED.code, message=REQUESTED.message)
    script.say(end, status="stopped")
    for row_type in ("browser.navigate", "network.requests"):
        data = script.row(row_type).data
        assert (data["requests"], data["bytes"]) == (5, 5000)
    assert len(script.row("network.requests").data["hosts"]) == 5


def test_and_when_its_page_is_one_too_many() -> None:
    script = Script()
    for number in range(250):
        visit(script, f"page-{number}", requests=2)
    rows = [row for row in script.rows if row.type == "browser.navigate"][:50]
    assert {row.data["requests"] for row in rows} == {2}

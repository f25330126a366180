"""What agents and clients say is anybody's: any of it, in any order, is told, and parks no run."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.story.fold import HANDLERS
from recorder.story.telling import MOST_COUNT
from schemas import codec
from schemas.events.connection import ConnectionCommand
from schemas.events.navigation import Navigation
from schemas.events.network import NetworkFinished
from schemas.events.tool import ToolCallFinished, ToolCallStarted
from tests.recorder.story.test_hosted import asked, done, raw, step
from tests.support.story_script import CLIENT, PAGE, Script, as_table, tell

OFTEN = settings(max_examples=200, deadline=None)
IDS = st.sampled_from(["a", "b"])
TEXTS = st.sampled_from(["", "navigate", "type", "http://shop.example/", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["url", "title", "locator", "role", "name", "text", "y", "values"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["url", "title", "locator", "text", "y"]), JSON)

OUTPUTS = st.just({"url": "http://shop.example/"}) | OBJECTS


def body(draw: st.DrawFn, **more: st.SearchStrategy[Any]) -> dict[str, Any]:
    found = {"toolCallId": draw(IDS), "tool": draw(TEXTS)}
    for name, values in more.items():
        if draw(st.booleans()):
            found[name] = draw(values)
    return found


@st.composite
def saying(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kinds = ["started", "finished", "finished", "failed", "llm", "captcha", "hosted"]
    kind = draw(st.sampled_from(kinds))
    if kind == "started":
        return "tool.call.started", body(
            draw, commandId=IDS, step=st.integers(), parentId=IDS, input=OBJECTS
        )
    if kind == "finished":
        return "tool.call.finished", body(draw, commandId=IDS, output=OUTPUTS)
    if kind == "failed":
        return "tool.call.failed", body(draw, commandId=IDS) | {"code": "c", "message": "m"}
    if kind == "llm":
        tokens = draw(st.integers(0, MOST_COUNT))
        more = {"toolCallId": draw(IDS), "model": "m"}
        return "llm.usage", more | {"inputTokens": tokens, "outputTokens": tokens}
    if kind == "captcha":
        return "captcha.solve.started", {"solveId": draw(IDS)}
    action = draw(st.sampled_from(["navigate", "type", "batch", "scroll", "wait_for", "select"]))
    request = draw(OBJECTS)
    return "command.queued", {
        "commandId": draw(IDS), "entryCall": "x", "executionMode": "hosted", "action": action,
        "request": request,
    }  # fmt: skip


@OFTEN
@given(
    said=st.lists(saying(), min_size=8, max_size=30), cuts=st.lists(st.integers(1, 19), max_size=5)
)
def test_any_ids_that_meet_those_of_hosted_steps(
    said: list[tuple[str, dict[str, Any]]], cuts: list[int]
) -> None:
    script = Script()
    for kind, data in said:
        script.say_raw(kind, codec.encode(data), page=PAGE)
        goes = Navigation(
            phase="started", url="http://a/", frame_id="f", main_frame=True, loader_id=kind
        )
        script.say(goes, page=PAGE)
    whole = as_table(tell(script.entries)[0])
    assert as_table(tell(script.entries, cuts)[0]) == whole
    assert all(type(entry.data) in HANDLERS for entry in script.entries)


METHODS = [
    "DOM.setFileInputFiles", "Input.dispatchKeyEvent", "Input.dispatchMouseEvent", "Input.dispatchTouchEvent",
    "Input.insertText", "Input.synthesizeScrollGesture", "Input.synthesizeTapGesture", "Page.navigate", "X.y",
]  # fmt: skip
NAMES = [
    "button", "clickCount", "deltaX", "deltaY", "filesCount", "key", "modifiers", "text", "textBytes", "textChars",
    "type", "x", "xDistance", "y",
]  # fmt: skip
VALUES = (
    st.sampled_from(["keyDown", "mousePressed", "mouseWheel", "touchStart", "a", "Enter", ""])
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.booleans()
)


@OFTEN
@given(
    calls=st.lists(
        st.tuples(st.sampled_from(METHODS), st.dictionaries(st.sampled_from(NAMES), VALUES)),
        max_size=12,
    ),
    cuts=st.lists(st.integers(1, 11), max_size=5),
)
def test_any_parameters_of_a_client(
    calls: list[tuple[str, dict[str, Any]]], cuts: list[int]
) -> None:
    script = Script()
    for method, params in calls:
        script.say(ConnectionCommand(method=method, params=params), page=PAGE, client=CLIENT)
    assert as_table(tell(script.entries, cuts)[0]) == as_table(tell(script.entries)[0])


def test_a_call_of_an_agent_that_says_it_is_a_step() -> None:
    script = Script().say(ToolCallStarted(tool_call_id="t", tool="search"))
    output = raw({"url": "http://shop.example/"})
    script.say(ToolCallFinished(tool_call_id="t", tool="x", command_id="c", output=output))
    assert script.row("tool.call").status == "started"


def test_an_agent_ends_no_hosted_step() -> None:
    script = step(asked(Script(), "batch"), "navigate", "t1")
    script.say(ToolCallFinished(tool_call_id="t1", tool="navigate"))
    done(script, "navigate", "t1", url="http://shop.example/")
    steps = [row for row in script.rows if row.type == "tool.call"]
    assert [(row.data["by"]["kind"], row.status) for row in steps] == [
        ("invocation", "finished"),
        ("agent", "finished"),
    ]


@pytest.mark.parametrize("name", ["textChars", "textBytes"])
def test_sums_stay_small(name: str) -> None:
    script = Script()
    params: dict[str, str | int | float | bool] = {name: 2**60}
    for _ in range(2100):
        call = ConnectionCommand(method="Input.insertText", params=params)
        script.say(call, after=1, page=PAGE, client=CLIENT)
        script.say(NetworkFinished(request_id="r", encoded_bytes=2**60), after=1, page=PAGE)
    rows, state = tell(script.entries, range(0, 4200, 500))
    assert rows[0].data["chars"] == MOST_COUNT
    assert state is not None
    assert state.pages[PAGE].visit.bytes == MOST_COUNT
    assert msgspec.msgpack.encode(state)

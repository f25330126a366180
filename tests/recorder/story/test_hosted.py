"""What was asked of the platform, and what agents say: each act told once, what it caused below it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from recorder.story.words import message_of
from schemas import codec
from schemas.events.artifact import ArtifactCreated, ArtifactFailed
from schemas.events.captcha import CaptchaSolveStarted, CaptchaSolveSucceeded
from schemas.events.command import (
    CommandCancelling,
    CommandFailed,
    CommandFinished,
    CommandProgress,
    CommandQueued,
    CommandStarted,
)
from schemas.events.llm import LlmUsage
from schemas.events.navigation import Navigation
from schemas.events.page import PageTitle
from schemas.events.tool import ToolCallFailed, ToolCallFinished, ToolCallStarted
from tests.support.story_script import PAGE, Script

FILE = "01a203ef-703a-73b4-a503-b4a6623fd1f4"


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(codec.encode(value))


def asked(script: Script, action: str, number: str = "c1", **request: Any) -> Script:
    queued = CommandQueued(
        command_id=number,
        entry_call="runtimes.invocations.create",
        execution_mode="hosted",
        action=action,
        request=raw({"action": action, **request}),
    )
    return script.say(queued).say(CommandStarted(command_id=number))


def step(script: Script, tool: str, number: str = "t1", of: str = "c1", **given: Any) -> Script:
    begun = ToolCallStarted(
        tool_call_id=number, tool=tool, command_id=of, step=1, input=raw({"action": tool, **given})
    )
    return script.say(begun)


def done(script: Script, tool: str, number: str = "t1", of: str = "c1", **output: Any) -> Script:
    finished = ToolCallFinished(tool_call_id=number, tool=tool, command_id=of, output=raw(output))
    return script.say(finished, page=PAGE)


def visits(script: Script, url: str, title: str, loader: str) -> Script:
    for phase in ("started", "committed", "finished"):
        at: Any = phase
        visit = Navigation(phase=at, url=url, frame_id="f", main_frame=True, loader_id=loader)
        script.say(visit, page=PAGE)
    return script.say(PageTitle(title=title, url=url), page=PAGE)


def kept(kind: Any = "screenshot", of: str = "c1") -> ArtifactCreated:
    return ArtifactCreated(
        artifact_id=FILE,
        kind=kind,
        name="shop.png",
        path="shop.png",
        content_type="image/png",
        size_bytes=1234,
        sha256="00",
        command_id=of,
    )


def test_a_navigation_that_was_asked_for_is_the_action() -> None:
    script = step(asked(Script(), "navigate", url="http://a/"), "navigate", url="http://a/")
    visits(script, "http://a/b", "Bees", "1")
    done(script, "navigate", url="http://a/b", title="Bees")
    script.say(CommandFinished(command_id="c1"), durationms=120)
    (row,) = [row for row in script.rows if row.view == "normal"]
    assert message_of(row) == "Opened “Bees” (a/b)"
    assert (row.type, row.status, row.duration_ms) == ("invocation.navigate", "finished", 120)
    assert (row.invocation_id, row.tool_call_id) == ("c1", "t1")


def goes(script: Script, phase: Any, loader: str, **more: Any) -> Script:
    visit = Navigation(
        phase=phase, url="http://a/", frame_id="f", main_frame=True, loader_id=loader, **more
    )
    return script.say(visit, page=PAGE)


def test_an_action_ends_by_its_own_end_also_where_its_first_try_fails() -> None:
    script = step(asked(Script(), "navigate", url="http://a/"), "navigate", url="http://a/")
    goes(script, "started", "1")
    goes(script, "failed", "1", error_text="net::ERR_NAME_NOT_RESOLVED")
    assert script.row("invocation.navigate").status == "started"
    for phase in ("started", "committed", "finished"):
        goes(script, phase, "2", navigation_type="reload")
    row = script.row("invocation.navigate")
    assert (row.status, row.severity, row.data.get("errorText")) == ("started", "info", None)
    done(script, "navigate", url="http://a/")
    script.say(CommandFinished(command_id="c1"))
    row = script.row("invocation.navigate")
    assert (row.status, row.severity, message_of(row)) == ("finished", "info", "Opened a")


def test_an_action_that_cannot_be_done_says_why() -> None:
    script = step(asked(Script(), "navigate", url="http://a/"), "navigate", url="http://a/")
    goes(script, "started", "1")
    goes(script, "failed", "1", error_text="net::ERR_NAME_NOT_RESOLVED")
    failed = CommandFailed(command_id="c1", outcome="failed", code="navigation_failed", message="x")
    row = script.say(failed).row("invocation.navigate")
    assert (row.status, row.severity) == ("failed", "error")
    assert message_of(row) == "Could not open a: the name is not known"


def test_what_an_action_causes_hangs_below_it() -> None:
    script = asked(Script(), "click", locator={"role": "link", "name": "Cart"})
    step(script, "click", locator={"role": "link", "name": "Cart"})
    done(script, "click")
    script.say(CommandFinished(command_id="c1"))
    visits(script, "http://a/cart", "Cart", "1")
    click, visit = [row for row in script.rows if row.view == "normal"]
    assert message_of(click) == "Clicked the link “Cart”"
    assert (visit.parent_id, visit.invocation_id) == (click.id, "c1")
    assert visit.data["by"] == {"kind": "invocation"}


def test_a_batch_has_its_steps_below_it() -> None:
    steps = [{"action": "type"}, {"action": "click"}]
    script = asked(Script(), "batch", actions=steps)
    step(script, "type", locator={"label": "Email"}, text="[redacted]")
    done(script, "type")
    script.say(CommandProgress(command_id="c1", done=1, total=2))
    assert script.normal == ["Doing 2 steps (1 done)", "Typed text into the field “Email”"]
    step(script, "click", "t2", locator="#buy")
    script.say(
        ToolCallFailed(
            tool_call_id="t2",
            tool="click",
            command_id="c1",
            code="x",
            message="No element matches.",
        )
    )
    script.say(
        CommandFailed(command_id="c1", outcome="failed", code="x", message="No element matches.")
    )
    assert script.normal == [
        "Could not do 2 steps: no element matches",
        "Typed text into the field “Email”",
        "Could not click “#buy”: no element matches",
    ]
    batch, *steps_told = script.rows
    assert {row.parent_id for row in steps_told} == {batch.id}


def test_a_screenshot_and_its_file_are_one() -> None:
    script = step(asked(Script(), "screenshot"), "screenshot").say(kept(), page=PAGE)
    script.say(CommandFinished(command_id="c1"))
    (row,) = script.rows
    assert (message_of(row), row.file_id) == ("Took a screenshot (shop.png)", FILE)


def test_a_file_that_is_not_kept_fails_its_action_and_is_told_once() -> None:
    script = step(asked(Script(), "evaluate"), "evaluate")
    gone = ArtifactFailed(
        kind="file",
        name="x.json",
        code="artifact.limit_exceeded",
        message="It is too large.",
        command_id="c1",
    )
    script.say(gone)
    script.say(CommandFailed(command_id="c1", outcome="failed", code="x", message="Too large."))
    assert script.normal == ["Could not run a script: too large"]


def test_an_action_that_is_cancelled() -> None:
    script = asked(Script(), "wait_for", locator="#never")
    script.say(CommandCancelling(command_id="c1"))
    script.say(
        CommandFailed(command_id="c1", outcome="cancelled", code="x", message="It was cancelled.")
    )
    assert script.normal == ["Waiting for “#never” to be visible was cut short: it was cancelled"]
    assert script.rows[0].status == "stopped"


@pytest.mark.parametrize(
    ("action", "request_", "message"),
    [
        ("back", {}, "Went back"),
        ("reload", {}, "Reloaded the page"),
        ("type", {"text": "shoes", "submit": True}, "Typed “shoes”, then Enter"),
        ("press", {"key": "Control+A"}, "Pressed Control+A"),
        ("press", {"key": "[redacted]"}, "Pressed a key"),
        (
            "select",
            {"values": ["M"], "locator": {"label": "Size"}},
            "Chose “M” in the field “Size”",
        ),
        ("hover", {"locator": {"text": "Menu"}}, "Pointed at “Menu”"),
        ("scroll", {"y": -300}, "Scrolled up by 300 px"),
        ("drag", {"source": "#a", "target": "#b"}, "Dragged “#a” onto “#b”"),
        ("upload", {"files": [{}, {}], "locator": "#f"}, "Chose 2 files for “#f”"),
        ("wait_for", {"loadState": "load"}, "Waited for the page to be loaded"),
        ("content", {"format": "markdown"}, "Read the page as markdown"),
        ("extract", {}, "Read values"),
        ("pdf", {}, "Printed the page as PDF"),
        ("cookies", {"operation": "clear"}, "Used the cookies to clear them"),
        ("a-new-one", {}, "Did something that was asked for"),
        ("click", {"locator": 7}, "Clicked"),
    ],
)
def test_how_actions_are_called(action: str, request_: dict[str, Any], message: str) -> None:
    script = asked(Script(), action, **request_).say(CommandFinished(command_id="c1"))
    assert script.normal == [message]


def test_what_agents_say() -> None:
    script = Script()
    script.say(ToolCallStarted(tool_call_id="t1", tool="buy"))
    script.say(ToolCallStarted(tool_call_id="t2", tool="think", parent_id="t1"))
    for _ in range(2):
        used = LlmUsage(model="m-1", input_tokens=900, output_tokens=80, tool_call_id="t2")
        script.say(used)
    script.say(ToolCallFinished(tool_call_id="t2", tool="think"), durationms=7)
    script.say(ToolCallFailed(tool_call_id="t1", tool="buy", code="x", message="Out of stock."))
    script.say(CaptchaSolveStarted(solve_id="s", kind="hcaptcha"))
    script.say(CaptchaSolveSucceeded(solve_id="s", kind="hcaptcha"))
    script.say_raw("custom.note", codec.encode({"message": "The order\nis made."}))
    script.say_raw("custom.plan", b'{"steps": []}', name="plan")
    assert script.normal == [
        "Could not use the tool “buy”: out of stock",
        "Used the tool “think”",
        "Asked the model m-1 in 2 calls: 1,800 tokens in and 160 out",
        "Solved a captcha (hcaptcha)",
        "The order is made.",
        "plan",
    ]
    buy, think, model, *_ = script.rows
    assert (think.parent_id, model.parent_id) == (buy.id, think.id)
    assert think.duration_ms == 7

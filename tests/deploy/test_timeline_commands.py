"""What was asked of a run, in its timeline: one line a command, and nothing in it that a terminal obeys."""

from __future__ import annotations

import pytest
from msgspec import UNSET, Raw

from deploy.timeline import lines
from schemas.codec import encode
from schemas.events.artifact import ArtifactCreated, ArtifactFailed
from schemas.events.command import (
    CommandFailed,
    CommandFinished,
    CommandProgress,
    CommandQueued,
    CommandStarted,
)
from schemas.events.llm import LlmUsage
from schemas.events.tool import ToolCallFailed, ToolCallFinished, ToolCallStarted
from schemas.resources import RunEvent
from tests.deploy.runs import event, raw_event, run
from tests.deploy.test_terminal_text import HOSTILE
from tests.deploy.test_timeline import printed


def told(*events: RunEvent, width: int = 160) -> list[str]:
    return [line.plain[10:].strip() for line in lines(run(), events, width)[1:]]


def queued(action: str = "navigate", request: object = None, at_ms: int = 0) -> RunEvent:
    data = CommandQueued(
        command_id="c",
        entry_call="runtimes.invocations.create",
        execution_mode="hosted",
        action=action,
        request=Raw(encode(request or {"action": action, "url": "https://a.example/"})),
    )
    return event(at_ms, data)


def step(command_id: str | None = None, tool: str = "search", at_ms: int = 0) -> RunEvent:
    data = ToolCallStarted(
        tool_call_id="t", tool=tool, input=Raw(b'{"q":"shoes"}'), command_id=command_id or UNSET
    )
    return event(at_ms, data)


def test_a_command_is_one_line() -> None:
    events = [
        queued(),
        event(10, CommandStarted(command_id="c")),
        step("c", at_ms=10),
        event(60, ToolCallFinished(tool_call_id="t", tool="navigate")),
        event(60, CommandFinished(command_id="c")),
    ]
    assert told(*events) == ["▸ command   navigate https://a.example/ 50 ms"]


def test_steps_of_several_are_told() -> None:
    events = [
        queued("batch", {"actions": []}),
        step("c", tool="click", at_ms=5),
        event(9, ToolCallFinished(tool_call_id="t", tool="click")),
        event(9, CommandProgress(command_id="c", done=1, total=1)),
    ]
    assert told(*events) == ["▸ command   batch unfinished", "▹ tool      click shoes 4 ms"]


def test_what_failed_says_why() -> None:
    failed = CommandFailed(
        command_id="c", outcome="failed", code="invocation.no_match", message="Nothing.\nMore."
    )
    request = {"locator": {"role": "button", "name": "Go"}}
    [line] = told(queued("click", request), event(30, failed))
    assert (
        line
        == "✗ command   click role=button name=Go invocation.no_match Nothing. 30 ms".replace(
            "command", "error  "
        )
    )


def test_an_agent_outside() -> None:
    events = [
        step(),
        event(7, ToolCallFailed(tool_call_id="t", tool="search", code="x", message="No.")),
        event(8, LlmUsage(model="m-1", input_tokens=900, output_tokens=80)),
    ]
    assert told(*events) == [
        "✗ error     search shoes x No. 7 ms",
        "∴ model     m-1 900 tokens in, 80 out",
    ]


def artifact(**given: object) -> RunEvent:
    known: dict[str, object] = {
        "artifact_id": "01a203ad-473f-75c2-8b11-769bfae4a6bb",
        "kind": "screenshot",
        "name": "page.png",
        "path": "page.png",
        "content_type": "image/png",
        "size_bytes": 4100,
        "sha256": "",
    }
    return event(0, ArtifactCreated(**(known | given)))  # type: ignore[arg-type]


def test_what_was_kept_and_what_was_not() -> None:
    refused = ArtifactFailed(
        kind="pdf", name="a.pdf", code="artifact.disk_full", message="The disk is full."
    )
    assert told(artifact(), event(1, refused), artifact(kind="download")) == [
        "▤ file      screenshot page.png 4.1 kB",
        "✗ error     pdf a.pdf The disk is full.",
    ]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_reaches_the_terminal(hostile: str) -> None:
    hostile = hostile.replace("\ud800", "") + "\r\nLocation: x"
    events = [
        queued("click", {"locator": {"text": hostile}}),
        event(0, CommandFailed(command_id="c", outcome="failed", code=hostile, message=hostile)),
        step(tool=hostile),
        artifact(name=hostile),
        event(0, LlmUsage(model=hostile, input_tokens=0, output_tokens=0)),
        raw_event(0, f"custom.{hostile}", "tool", b"{}"),
    ]
    written = printed(events)
    assert not set(written) & set("\x1b\x07\x08\x7f\x9b\u202e\u2066\u2069\u200b\ufeff\r")
    assert len(written.splitlines()) == len(lines(run(), events)) == 6


def test_without_a_request() -> None:
    data = CommandQueued(
        command_id="c", entry_call="files.export", execution_mode="internal", request=UNSET
    )
    assert told(event(0, data)) == ["▸ command   files.export unfinished"]

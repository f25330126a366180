"""Of what agents outside say: their tools, their models, captchas that somebody solves, and events of their own."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from recorder.story import hosted
from recorder.story.handling import Handlers
from recorder.story.state import Data, Row
from recorder.story.telling import Story, small
from recorder.story.text import kept, short_id
from schemas.envelope import Event
from schemas.events.captcha import (
    CaptchaSolveFailed,
    CaptchaSolveStarted,
    CaptchaSolveSucceeded,
)
from schemas.events.llm import LlmUsage
from schemas.events.tool import ToolCallFailed, ToolCallFinished, ToolCallStarted

AGENT = {"kind": "agent"}


def tool_started(story: Story, event: Event, data: ToolCallStarted) -> None:
    """A tool is used: by an agent, or it is a step of an invocation."""
    if data.command_id:
        hosted.step_started(story, event, data)
    elif story.joined(f"tool {data.tool_call_id}") is None:
        told: Data = {"tool": kept(data.tool), "by": dict(AGENT)}
        parent = _call(story, data.parent_id) if data.parent_id else None
        row = story.begin("tool.call", event, told, status="started", parent=parent)
        row.tool_call_id = short_id(data.tool_call_id)
        story.join(f"tool {data.tool_call_id}", row)


def tool_ended(story: Story, event: Event, data: ToolCallFinished | ToolCallFailed) -> None:
    """It came to an end; of one whose beginning nobody saw, that is all there is."""
    if data.command_id:
        hosted.step_ended(story, event, data)
        return
    key = f"tool {data.tool_call_id}"
    row = story.joined(key)
    if row is None and story.ends_beyond_the_bound(key):
        return
    if row is None:
        told: Data = {"tool": kept(data.tool), "by": dict(AGENT)}
        row = story.begin("tool.call", event, told, status="started")
        row.tool_call_id = short_id(data.tool_call_id)
    if isinstance(data, ToolCallFailed):
        row.data |= {"code": kept(data.code), "error": kept(data.message)}
        row.about["why"] = data.message[:500]
        row.severity = "error"
        story.end(row, event, "failed")
    else:
        story.end(row, event)
    if event.durationms is not UNSET:
        row.duration_ms = small(event.durationms)


def _call(story: Story, call_id: str) -> Row | None:
    """An agent's call that goes on, or a hosted step."""
    return story.joined(f"tool {call_id}") or story.joined(f"step {call_id}")


def model_used(story: Story, event: Event, data: LlmUsage) -> None:
    """Tokens; calls of one model that come one after the other are one row."""
    key = short_id(f"llm {data.tool_call_id or ''} {data.model}")
    row = story.find(story.state.model)
    if row is None or row.about["key"] != key:
        if row is not None:
            story.end(row, event)
        row = _begin_model(story, event, data, key)
    row.data["calls"] += 1
    row.data["inputTokens"] = small(row.data["inputTokens"] + small(data.input_tokens))
    row.data["outputTokens"] = small(row.data["outputTokens"] + small(data.output_tokens))
    story.touch(row)


def _begin_model(story: Story, event: Event, data: LlmUsage, key: str) -> Row:
    told: Data = {"model": kept(data.model), "calls": 0, "inputTokens": 0, "outputTokens": 0}
    if data.provider:
        told["provider"] = kept(data.provider)
    parent = _call(story, data.tool_call_id) if data.tool_call_id else None
    row = story.begin("llm.usage", event, told | {"by": dict(AGENT)}, parent=parent, keep=True)
    row.about["key"] = key
    if data.tool_call_id:
        row.tool_call_id = short_id(data.tool_call_id)
    story.forget(story.state.model)
    story.state.model = row.number
    return row


def captcha_started(story: Story, event: Event, data: CaptchaSolveStarted) -> None:
    """Somebody begins to solve one."""
    row = story.begin("captcha.solve", event, _captcha(data), status="started")
    story.join(f"captcha {data.solve_id}", row)


def captcha_ended(
    story: Story, event: Event, data: CaptchaSolveSucceeded | CaptchaSolveFailed
) -> None:
    """It is solved, or not."""
    row = story.joined(f"captcha {data.solve_id}")
    if row is None:
        row = story.begin("captcha.solve", event, _captcha(data), status="started")
    if isinstance(data, CaptchaSolveFailed):
        row.data["error"] = kept(data.message)
        row.about["why"] = data.message[:500]
        row.severity = "error"
        story.end(row, event, "failed")
    else:
        story.end(row, event)


def _captcha(data: CaptchaSolveStarted | CaptchaSolveSucceeded | CaptchaSolveFailed) -> Data:
    told: Data = {"kind": kept(data.kind), "by": dict(AGENT)}
    if data.provider:
        told["provider"] = kept(data.provider)
    if isinstance(data, CaptchaSolveStarted) and data.url:
        told["url"] = kept(data.url)
    return told


def custom(story: Story, event: Event) -> None:
    """An event that an agent made up: its own words for it, where it has any."""
    told: Data = {"type": kept(event.type), "by": dict(AGENT)}
    if event.name:
        told["name"] = kept(event.name)
    if words := _words_of(event):
        told["text"] = kept(words)
    story.begin("agent.event", event, told)


def _words_of(event: Event) -> str:
    try:
        body: Any = msgspec.json.decode(event.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    if not isinstance(body, dict):
        return ""
    found = (body.get(name) for name in ("message", "title", "text", "name"))
    return next((value for value in found if isinstance(value, str) and value.strip()), "")


HANDLERS: Handlers = {
    ToolCallStarted: tool_started,
    ToolCallFinished: tool_ended,
    ToolCallFailed: tool_ended,
    LlmUsage: model_used,
    CaptchaSolveStarted: captcha_started,
    CaptchaSolveSucceeded: captcha_ended,
    CaptchaSolveFailed: captcha_ended,
}

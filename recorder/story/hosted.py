"""Of what the platform was asked to do: invocations, and their steps. The one step of an action alone is the action."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from recorder.story.causes import acted
from recorder.story.handling import Handlers
from recorder.story.state import Data, Row, Step
from recorder.story.telling import Story, small
from recorder.story.text import kept, short_id
from schemas.actions import ACTIONS
from schemas.envelope import Event
from schemas.events.command import (
    CommandCancelling,
    CommandFailed,
    CommandFinished,
    CommandProgress,
    CommandQueued,
    CommandStarted,
)
from schemas.events.tool import ToolCallFailed, ToolCallFinished, ToolCallStarted

MOST_REQUEST_BYTES = 2048
GOING = frozenset({"navigate", "back", "forward", "reload"})
ACTING = frozenset({"click", "type", "press", "select", "scroll", "drag", "upload"})
_STOPPED = frozenset({"cancelled"})


def queued(story: Story, event: Event, data: CommandQueued) -> None:
    """Somebody asked for it."""
    if data.execution_mode != "hosted" or story.joined(f"command {data.command_id}"):
        return
    action = data.action if data.action in ACTIONS else "unknown"
    told: Data = {"action": action, "by": {"kind": "invocation"}}
    _add_request(told, data.request)
    row = story.begin(f"invocation.{action}", event, told, status="started")
    row.invocation_id = short_id(data.command_id)
    row.about["queued"] = True
    story.join(f"command {data.command_id}", row)


def _add_request(told: Data, request: Raw | UnsetType) -> None:
    if request is not UNSET and len(bytes(request)) <= MOST_REQUEST_BYTES:
        told["request"] = _object(request)


def _object(raw: Raw | UnsetType) -> Data:
    """The object that it is; an empty one where it is none. What is in it is anybody's."""
    try:
        found: Any = msgspec.json.decode(raw) if raw is not UNSET else {}
        msgspec.msgpack.encode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def started(story: Story, event: Event, data: CommandStarted) -> None:
    """Its turn has come."""
    row = story.joined(f"command {data.command_id}")
    if row is not None and row.about.pop("queued", False):
        story.touch(row)


def progress(story: Story, event: Event, data: CommandProgress) -> None:
    """So many of its steps are done."""
    if row := story.joined(f"command {data.command_id}"):
        row.data |= {"done": small(data.done), "total": small(data.total)}
        story.touch(row)


def cancelling(story: Story, event: Event, data: CommandCancelling) -> None:
    """Somebody gave it up."""
    if row := story.joined(f"command {data.command_id}"):
        row.data["cancelling"] = True
        story.touch(row)


def finished(story: Story, event: Event, data: CommandFinished) -> None:
    """It did what was asked."""
    if story.ends_beyond_the_bound(f"command {data.command_id}"):
        return
    row = _known(story, event, data.command_id)
    if row.type != "invocation.batch":
        _add_output(row, data.result)
    _end(story, event, row)


def failed(story: Story, event: Event, data: CommandFailed) -> None:
    """It came to nothing, or to a part."""
    if story.ends_beyond_the_bound(f"command {data.command_id}"):
        return
    row = _known(story, event, data.command_id)
    _fail(row, data.code, data.message)
    _end(story, event, row, "stopped" if data.outcome in _STOPPED else "failed")


def _known(story: Story, event: Event, command_id: str) -> Row:
    """The invocation's row; a new one where nobody saw that it was asked for."""
    if row := story.joined(f"command {command_id}"):
        return row
    told: Data = {"action": "unknown", "by": {"kind": "invocation"}}
    row = story.begin("invocation.unknown", event, told, status="started")
    row.invocation_id = short_id(command_id)
    return row


def _fail(row: Row, code: str, message: str) -> None:
    row.data |= {"code": kept(code), "error": kept(message)}
    row.about["why"] = message[:500]


def _end(story: Story, event: Event, row: Row, status: Any = "finished") -> None:
    row.about.pop("goes", None)
    if status == "finished":
        row.data.pop("errorText", None)  # it came right after all
    if status == "failed" or row.data.get("httpStatus", 0) >= 400:
        row.severity = "error"
    story.end(row, event, status)
    if event.durationms is not UNSET:
        row.duration_ms = small(event.durationms)
    step = story.state.step
    if step is not None and not step.ended_at and row.number in (step.row, step.invocation):
        step.ended_at = event.time


def _add_output(row: Row, output: Raw | UnsetType) -> None:
    if output is UNSET or len(bytes(output)) > MOST_REQUEST_BYTES * 8:
        return
    found = _object(output)
    if row.data.get("action") not in GOING:
        return
    for name in ("url", "title"):
        value = found.get(name)
        if isinstance(value, str) and value:
            row.data[name] = kept(value)


def step_started(story: Story, event: Event, data: ToolCallStarted) -> None:
    """A step begins, which is a row of its own within a batch only."""
    if story.is_beyond_the_bound(f"command {data.command_id}"):
        return
    invocation = story.joined(f"command {data.command_id}")
    row = invocation
    if invocation is None or invocation.type == "invocation.batch":
        row = _begin_step(story, event, data, invocation)
    elif data.tool_call_id:
        invocation.tool_call_id = short_id(data.tool_call_id)
        story.touch(invocation)
    if row is None:
        return
    if data.tool in GOING:
        row.about["goes"] = True
    number = invocation.number if invocation is not None else 0
    story.state.step = Step(row.number, number, replace(row, data={}, about={}))


def _begin_step(story: Story, event: Event, data: ToolCallStarted, invocation: Row | None) -> Row:
    action = data.tool if data.tool in ACTIONS else "unknown"
    told: Data = {"action": action, "tool": kept(data.tool), "by": {"kind": "invocation"}}
    if isinstance(data.step, int):
        told["step"] = small(data.step)
    _add_request(told, data.input)
    row = story.begin("tool.call", event, told, status="started", parent=invocation)
    row.invocation_id = short_id(str(data.command_id))
    row.tool_call_id = short_id(data.tool_call_id)
    story.join(_step_key(data), row)
    return row


def _step_key(data: ToolCallStarted | ToolCallFinished | ToolCallFailed) -> str:
    """Agents' calls have other keys: an id that an agent made up ends no step."""
    return f"step {data.tool_call_id}"


def step_ended(story: Story, event: Event, data: ToolCallFinished | ToolCallFailed) -> None:
    """A step is done, on that page, or came to nothing."""
    step = story.state.step
    row = story.joined(_step_key(data))
    if step is not None and not step.ended_at:
        step.ended_at = event.time
        step.page_id = event.pageid or ""
        current = story.find(step.row)
        if current is not None and current.data.get("action") in ACTING and event.pageid:
            acted(story, event, story.page(event), {"kind": "invocation"})
    if row is None:
        return
    if isinstance(data, ToolCallFailed):
        _fail(row, data.code, data.message)
        _end(story, event, row, "stopped" if data.code == "invocation.cancelled" else "failed")
    else:
        _add_output(row, data.output)
        _end(story, event, row)


HANDLERS: Handlers = {
    CommandQueued: queued,
    CommandStarted: started,
    CommandProgress: progress,
    CommandCancelling: cancelling,
    CommandFinished: finished,
    CommandFailed: failed,
}

"""Steps: what a hosted action does, and what an agent outside says that it did. Joined by `toolCallId`."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ..types import Json, Text, Title
from ._registry import EventData, event


@event("tool.call.started", category="tool")
class ToolCallStarted(EventData, frozen=True, kw_only=True):
    """A step begins: of a command (then with its id, and its place in it from 1), or of an agent outside."""

    tool_call_id: str
    tool: Title
    command_id: str | UnsetType = UNSET
    step: int | UnsetType = UNSET
    parent_id: str | UnsetType = UNSET
    input: Json | UnsetType = UNSET


@event("tool.call.finished", category="tool")
class ToolCallFinished(EventData, frozen=True, kw_only=True):
    """A step is done."""

    tool_call_id: str
    tool: Title
    command_id: str | UnsetType = UNSET
    output: Json | UnsetType = UNSET
    artifact_ids: list[str] | UnsetType = UNSET


@event("tool.call.failed", category="tool")
class ToolCallFailed(EventData, frozen=True, kw_only=True):
    """A step came to nothing."""

    tool_call_id: str
    tool: Title
    code: Title
    message: Text
    command_id: str | UnsetType = UNSET
    details: Json | UnsetType = UNSET

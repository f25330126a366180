"""Commands: hosted actions, and what the platform itself did for a run. Joined by `commandId`."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from ..types import Json, Text
from ._registry import EventData, event

ExecutionMode = Literal["hosted", "internal"]


@event("command.queued", category="command")
class CommandQueued(EventData, frozen=True, kw_only=True):
    """Somebody asked for it. `entry_call` is the operation that was called, `action` what an invocation is to do, and
    `request` how, without secrets.
    """

    command_id: str
    entry_call: str
    execution_mode: ExecutionMode
    action: str | UnsetType = UNSET
    request: Json | UnsetType = UNSET
    timeout_ms: int | UnsetType = UNSET


@event("command.started", category="command")
class CommandStarted(EventData, frozen=True, kw_only=True):
    """Its turn has come."""

    command_id: str


@event("command.progress", category="command")
class CommandProgress(EventData, frozen=True, kw_only=True):
    """How many of its steps are done."""

    command_id: str
    done: int
    total: int


@event("command.cancelling", category="command")
class CommandCancelling(EventData, frozen=True, kw_only=True):
    """Somebody asked for it to be given up; it goes on until it has been."""

    command_id: str


@event("command.finished", category="command")
class CommandFinished(EventData, frozen=True, kw_only=True):
    """It did what was asked. Of `result` what is too large is an artifact instead: `result_artifact_id`."""

    command_id: str
    result: Json | UnsetType = UNSET
    result_artifact_id: str | UnsetType = UNSET
    artifact_ids: list[str] | UnsetType = UNSET


@event("command.failed", category="command")
class CommandFailed(EventData, frozen=True, kw_only=True):
    """It came to nothing, or to a part: `outcome` says how, `code` and `message` why."""

    command_id: str
    outcome: Literal["failed", "cancelled", "timed_out"]
    code: str
    message: Text
    details: Json | UnsetType = UNSET
    artifact_ids: list[str] | UnsetType = UNSET

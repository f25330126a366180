"""What the log is told of an invocation: one command, and a tool call for each of its steps. First end wins."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from uuid_utils import uuid7

from schemas.actions import Action, Batch, Cookies, Press, Type, Upload, name_of
from schemas.events import EventData
from schemas.events.command import (
    CommandCancelling,
    CommandFailed,
    CommandFinished,
    CommandProgress,
    CommandQueued,
    CommandStarted,
)
from schemas.events.tool import ToolCallFailed, ToolCallFinished, ToolCallStarted
from schemas.requests import Invoke
from schemas.runtime_config import Record
from worker.fact import Fact
from worker.outbox import Entry
from worker.secret_shapes import REDACTED
from worker.tools.failures import Failure

ENTRY_CALL = "runtimes.invocations.create"
# Keys that type nothing, whatever layout a keyboard has.
_COMMANDS = {
    *("Enter", "NumpadEnter", "Tab", "Escape", "Backspace", "Delete", "Insert"),
    *("Home", "End", "PageUp", "PageDown", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"),
    *("Control", "Shift", "Alt", "Meta", "ContextMenu"),
    *(f"F{number}" for number in range(1, 13)),
}
_SHORTCUT = frozenset({"Control", "ControlLeft", "ControlRight", "ControlOrMeta", "Meta"})


class Output(Struct, frozen=True, kw_only=True):
    """What a step gave: a JSON value as it is told, or the artifact that it became for its size."""

    value: Raw | UnsetType = UNSET
    artifact_id: str | UnsetType = UNSET
    artifact_ids: list[str] = []


class _Step(Struct):
    """The one that is being done."""

    call_id: str
    tool: str
    since: float


class Teller:
    """Tells of one invocation. After `finished` or `failed` it tells no more."""

    def __init__(
        self, record: Callable[[Fact], Entry | None], request: Invoke, told: Record
    ) -> None:
        self.is_over = False
        self._record = record
        self._id = request.invocation_id
        self._action = request.invocation
        self._told = told
        self._step: _Step | None = None
        self._since = 0.0

    def queued(self) -> Entry | None:
        """It waits for its turn; None where the run is over."""
        queued = CommandQueued(
            command_id=self._id,
            entry_call=ENTRY_CALL,
            execution_mode="hosted",
            action=name_of(self._action),
            request=told_request(self._action, self._told),
            timeout_ms=self._action.limit_ms,
        )
        return self._tell(queued, "received")

    def started(self) -> None:
        """Its turn has come."""
        self._since = time.monotonic()
        self._tell(CommandStarted(command_id=self._id), "started")

    def cancelling(self) -> Entry | None:
        """Somebody gave it up."""
        return self._tell(CommandCancelling(command_id=self._id), UNSET)

    def progress(self, done: int, total: int) -> None:
        """So many of its steps are done."""
        self._tell(CommandProgress(command_id=self._id, done=done, total=total), UNSET)

    def step_started(self, number: int, action: Action) -> None:
        """A step begins."""
        tool = name_of(action)
        self._step = _Step(str(uuid7()), tool, time.monotonic())
        started = ToolCallStarted(
            tool_call_id=self._step.call_id,
            tool=tool,
            command_id=self._id,
            step=number,
            input=told_request(action, self._told),
        )
        self._tell(started, "started")

    def step_finished(self, output: Output, page_id: str) -> None:
        """The step is done, on that page."""
        step, self._step = self._step, None
        if step is None:
            return
        finished = ToolCallFinished(
            tool_call_id=step.call_id,
            tool=step.tool,
            command_id=self._id,
            output=output.value,
            artifact_ids=output.artifact_ids or UNSET,
        )
        self._tell(finished, "finished", step.since, page_id)

    def finished(self, output: Output) -> None:
        """It did what was asked."""
        finished = CommandFinished(
            command_id=self._id,
            result=output.value,
            result_artifact_id=output.artifact_id,
            artifact_ids=output.artifact_ids or UNSET,
        )
        self._tell(finished, "finished", self._since or UNSET)
        self.is_over = True

    def failed(self, failure: Failure, artifact_ids: list[str] | None = None) -> Entry | None:
        """It came to nothing, and so did the step that it was at."""
        details = as_json(failure.details) if failure.details else UNSET
        if self._step is not None:
            step, self._step = self._step, None
            broken = ToolCallFailed(
                tool_call_id=step.call_id,
                tool=step.tool,
                code=failure.code,
                message=failure.message,
                command_id=self._id,
                details=details,
            )
            self._tell(broken, "failed", step.since)
        failed = CommandFailed(
            command_id=self._id,
            outcome=failure.outcome,
            code=failure.code,
            message=failure.message,
            details=details,
            artifact_ids=artifact_ids or UNSET,
        )
        entry = self._tell(failed, "failed", self._since or UNSET)
        self.is_over = True
        return entry

    def _tell(
        self,
        data: EventData,
        status: str | UnsetType,
        since: float | UnsetType = UNSET,
        page_id: str | UnsetType = UNSET,
    ) -> Entry | None:
        if self.is_over:
            return None
        duration_ms = round((time.monotonic() - since) * 1000) if since else UNSET
        return self._record(
            Fact(data=data, status=status, duration_ms=duration_ms, page_id=page_id)
        )


# what is told of a request


def told_request(action: Action, told: Record) -> Raw:
    """What was asked, without what people type, files' contents and cookies' values; but where a runtime wants them."""
    return Raw(msgspec.json.encode(_told(action, told)))


def _told(action: Action, told: Record) -> dict[str, Any]:
    asked: dict[str, Any] = msgspec.to_builtins(action)
    match action:
        case Batch():
            asked["actions"] = [_told(each, told) for each in action.actions]
        case Type() if not told.input_text:
            asked["text"] = REDACTED
        case Press() if not told.input_text and not _types_nothing(action.key):
            asked["key"] = REDACTED
        case Cookies() if not told.headers:
            for each in asked.get("cookies", ()):
                each["value"] = REDACTED
        case Upload():
            for each in asked["files"]:
                if content := each.pop("contentBase64", None):
                    each["sizeBytes"] = len(content) * 3 // 4
    return asked


def _types_nothing(chord: str) -> bool:
    """Whether a chord is a command, and no letter of somebody's password: `Enter`, `Shift+Tab`, `Control+A`."""
    *modifiers, key = chord.split("+")
    if key in _COMMANDS:
        return True
    return "Alt" not in modifiers and not _SHORTCUT.isdisjoint(modifiers)


def as_json(value: object) -> Raw:
    """Any value that JSON has; half characters, which UTF-8 has not, become question marks."""
    return Raw(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))

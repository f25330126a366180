"""What a worker without a browser says of hosted actions and of events from outside: it tells, and does nothing."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw

from schemas import codec
from schemas.actions import Action, name_of
from schemas.envelope import Event
from schemas.events.command import (
    CommandCancelling,
    CommandFailed,
    CommandFinished,
    CommandQueued,
    CommandStarted,
)
from schemas.events.tool import ToolCallFinished, ToolCallStarted
from schemas.requests import Ingest
from tests.support.recorder_run import FakeRun, new_id

ENTRY_CALL = "runtimes.invocations.create"


def queued(run: FakeRun, command_id: str, action: Action) -> Event:
    """An invocation stands in the queue."""
    return run.event(
        CommandQueued(
            command_id=command_id,
            entry_call=ENTRY_CALL,
            execution_mode="hosted",
            action=name_of(action),
            request=Raw(codec.encode(action)),
        )
    )


def done(run: FakeRun, command_id: str, result: Any = UNSET) -> list[Event]:
    """Its turn came, it took one step, and it is done."""
    call: dict[str, Any] = {"tool_call_id": new_id(), "tool": "a step", "command_id": command_id}
    output = UNSET if result is UNSET else Raw(msgspec.json.encode(result))
    return [
        run.event(CommandStarted(command_id=command_id)),
        run.event(ToolCallStarted(**call, step=1)),
        run.event(ToolCallFinished(**call, output=output)),
        run.event(CommandFinished(command_id=command_id, result=output)),
    ]


def failed(run: FakeRun, command_id: str, **others: Any) -> Event:
    """It came to nothing."""
    given = {"outcome": "failed", "code": "invocation.no_match", "message": "Nothing matches."}
    return run.event(CommandFailed(command_id=command_id, **(given | others)))


def cancelled(run: FakeRun, command_id: str) -> list[Event]:
    """Somebody gave it up."""
    said = {"outcome": "cancelled", "code": "invocation.cancelled", "message": "It was cancelled."}
    return [
        run.event(CommandCancelling(command_id=command_id)),
        failed(run, command_id, **said),
    ]


def ingested(run: FakeRun, request: Ingest) -> list[Event]:
    """What comes from outside, as it came; that an event may come again is beyond this worker."""
    events = []
    for given in request.events:
        told: dict[str, Any] = {"status": given.status or UNSET, "name": given.name or UNSET}
        event = run.event(given.type, **told)
        events.append(msgspec.structs.replace(event, data=given.data))
    return events

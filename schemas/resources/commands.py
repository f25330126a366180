"""What was asked of a run: invocations, and the commands they and the platform's own operations are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, UnsetType

from .resource import Request, Resource

InvocationStatus = Literal[
    "queued",
    "dispatching",
    "running",
    "cancelling",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
]

CommandStatus = Literal["queued", "running", "succeeded", "failed", "cancelled", "timed_out"]


class InvocationError(Resource, frozen=True, kw_only=True):
    """Why an invocation came to nothing, or to a part."""

    code: str
    message: str
    details: Any = None


class Invocation(Resource, frozen=True, kw_only=True):
    """A hosted action. `output` is there once it has succeeded; one that is too large is the artifact that
    `output_artifact_id` names.
    """

    id: str
    run_id: str
    runtime_id: str
    action: str
    status: InvocationStatus
    output: Raw | UnsetType = UNSET
    output_artifact_id: str | UnsetType = UNSET
    artifact_ids: list[str]
    error: InvocationError | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    duration_seconds: float | None
    duration_ms: int | None


class WaitedInvocation(Invocation, frozen=True, kw_only=True):
    """An invocation after waiting for its end. `retry_after_ms` is there while it has none: wait again."""

    wait_status: Literal["completed", "timeout"]
    retry_after_ms: int | UnsetType = UNSET


class WaitForInvocation(Request, frozen=True, kw_only=True):
    """How long to wait for an invocation's end. Of more than 120 s, 120 s are waited."""

    timeout_ms: Annotated[int, Meta(ge=0, le=86_400_000)] | UnsetType = UNSET
    timeout_seconds: Annotated[float, Meta(ge=0, le=86_400)] | UnsetType = UNSET


class Progress(Resource, frozen=True, kw_only=True):
    """How many steps of how many are done."""

    done: int
    total: int


class Command(Resource, frozen=True, kw_only=True):
    """What was asked of a run: a hosted invocation, or an operation of the platform itself.

    `sequence_no` counts a run's commands from 1. `request`, `result` and `error` are there where `include` asks (null
    where there is none); a result that is too large is the artifact that `result_artifact_id` names.
    """

    id: str
    run_id: str
    sequence_no: int
    entry_call: str
    execution_mode: Literal["hosted", "internal"]
    status: CommandStatus
    created_at: str
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    artifact_ids: list[str]
    action: str | UnsetType = UNSET
    progress: Progress | UnsetType = UNSET
    request: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    result_artifact_id: str | UnsetType = UNSET
    error: InvocationError | UnsetType | None = UNSET

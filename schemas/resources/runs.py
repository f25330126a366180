"""Runs: what happened, in short."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from ..events.runtime import EgressHold, WallLevel
from .resource import Failure, Request, Resource
from .usage import Usage

RunStatus = Literal["active", "stopped", "failed"]


class RunSummary(Resource, frozen=True, kw_only=True):
    """A run in a list."""

    id: str
    runtime_id: str
    runtime_type: str
    space_id: str
    status: RunStatus
    created_at: str
    started_at: str
    finished_at: str | None
    duration_seconds: float | None
    failure: Failure | None


class RunCounts(Resource, frozen=True, kw_only=True):
    """How much of each there is."""

    events: int
    files: int = 0
    invocations: int = 0
    tool_calls: int = 0


class Run(RunSummary, frozen=True, kw_only=True):
    """A run. `missing` lists the gaps in the worker's numbers as [first, last], both included.

    `wall` is what the operating system puts between the run's browser and its host (`none`: nothing), and `egress` what
    holds its connections; null until the browser answers, and of runs of older workers.

    `parked` says why nothing more of the run is shown, though more was recorded; null where all is shown.
    """

    counts: RunCounts
    last_sequence: int
    missing: list[tuple[int, int]]
    late: int
    wall: WallLevel | None = None
    egress: EgressHold | None = None
    parked: Failure | None = None
    usage: Usage | None = None


class WaitedRun(Run, frozen=True, kw_only=True):
    """A run after waiting for its end."""

    wait_status: Literal["completed", "timeout"]


class RuntimeRun(Resource, frozen=True, kw_only=True):
    """A run of one runtime, compact: the shape of GET /v2/runtimes/{runtimeId}/runs."""

    id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    created_at: str
    started_at: str
    finished_at: str | None = None
    status: RunStatus


class WaitForRun(Request, frozen=True, kw_only=True):
    """How long to wait for a run's end."""

    timeout_ms: Annotated[int, Meta(ge=0, le=120_000)] | UnsetType = UNSET
    timeout_seconds: Annotated[float, Meta(ge=0, le=120)] | UnsetType = UNSET

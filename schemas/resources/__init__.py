"""What the API takes and returns. Names and optional fields are the HTTP contract's, in camelCase on the wire."""

from __future__ import annotations

from .about import EffectiveScope, Health, ProblemBody, Whoami
from .artifacts import Artifact, File
from .commands import (
    Command,
    CommandStatus,
    Invocation,
    InvocationError,
    InvocationStatus,
    Progress,
    WaitedInvocation,
    WaitForInvocation,
)
from .connections import Connection, ConnectionEndpoint, CreateConnection
from .events import (
    EventToIngest,
    IngestedEvents,
    IngestEvents,
    RunEnded,
    RunEvent,
    WaitedEvent,
    WaitForEvent,
)
from .resource import Deleted, Failure, Page, Request, Resource
from .runs import Run, RunCounts, RunStatus, RunSummary, RuntimeRun, WaitedRun, WaitForRun
from .runtimes import (
    MOST_METADATA,
    CreateRuntime,
    Runtime,
    StartedRuntime,
    StartRuntime,
    StoppedRuntime,
    UpdateRuntime,
)
from .spaces import CreateSpace, Space, UpdateSpace
from .targets import CreateTarget, Target, TargetUri

__all__ = [
    "MOST_METADATA",
    "Artifact",
    "Command",
    "CommandStatus",
    "Connection",
    "ConnectionEndpoint",
    "CreateConnection",
    "CreateRuntime",
    "CreateSpace",
    "CreateTarget",
    "Deleted",
    "EffectiveScope",
    "EventToIngest",
    "Failure",
    "File",
    "Health",
    "IngestEvents",
    "IngestedEvents",
    "Invocation",
    "InvocationError",
    "InvocationStatus",
    "Page",
    "ProblemBody",
    "Progress",
    "Request",
    "Resource",
    "Run",
    "RunCounts",
    "RunEnded",
    "RunEvent",
    "RunStatus",
    "RunSummary",
    "Runtime",
    "RuntimeRun",
    "Space",
    "StartRuntime",
    "StartedRuntime",
    "StoppedRuntime",
    "Target",
    "TargetUri",
    "UpdateRuntime",
    "UpdateSpace",
    "WaitForEvent",
    "WaitForInvocation",
    "WaitForRun",
    "WaitedEvent",
    "WaitedInvocation",
    "WaitedRun",
    "Whoami",
]

"""What the API takes and returns. Names and optional fields are the HTTP contract's, in camelCase on the wire."""

from __future__ import annotations

from .about import EffectiveScope, Health, ProblemBody, Whoami
from .activity import ActivityItem, ActivityView
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
from .keys import ApiKey, CreateApiKey, MadeApiKey, RotateApiKey
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
from .search import Excerpt, SearchHit
from .spaces import CreateSpace, Egress, Space, UpdateSpace
from .targets import CreateTarget, Target, TargetUri
from .usage import AiTokens, Breakdown, RunsUsed, Usage, UsageGroup, UsageTotals, Used

__all__ = [
    "MOST_METADATA",
    "ActivityItem",
    "ActivityView",
    "AiTokens",
    "ApiKey",
    "Artifact",
    "Breakdown",
    "Command",
    "CommandStatus",
    "Connection",
    "ConnectionEndpoint",
    "CreateApiKey",
    "CreateConnection",
    "CreateRuntime",
    "CreateSpace",
    "CreateTarget",
    "Deleted",
    "EffectiveScope",
    "Egress",
    "EventToIngest",
    "Excerpt",
    "Failure",
    "File",
    "Health",
    "IngestEvents",
    "IngestedEvents",
    "Invocation",
    "InvocationError",
    "InvocationStatus",
    "MadeApiKey",
    "Page",
    "ProblemBody",
    "Progress",
    "Request",
    "Resource",
    "RotateApiKey",
    "Run",
    "RunCounts",
    "RunEnded",
    "RunEvent",
    "RunStatus",
    "RunSummary",
    "RunsUsed",
    "Runtime",
    "RuntimeRun",
    "SearchHit",
    "Space",
    "StartRuntime",
    "StartedRuntime",
    "StoppedRuntime",
    "Target",
    "TargetUri",
    "UpdateRuntime",
    "UpdateSpace",
    "Usage",
    "UsageGroup",
    "UsageTotals",
    "Used",
    "WaitForEvent",
    "WaitForInvocation",
    "WaitForRun",
    "WaitedEvent",
    "WaitedInvocation",
    "WaitedRun",
    "Whoami",
]

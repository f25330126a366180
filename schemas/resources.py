"""What the API takes and returns. Names and optional fields are the HTTP contract's, in camelCase on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from .runtime_config import ConfigChange, ShownConfig, WantedConfig
from .types import Metadata, Name, whole

T = TypeVar("T")

RunStatus = Literal["active", "stopped", "failed"]


class Resource(Struct, frozen=True, kw_only=True, rename="camel"):
    """Anything an answer holds."""


class Page(Resource, Generic[T], frozen=True, kw_only=True):
    """One page of a list. `next_cursor` is opaque; null on the last page."""

    data: list[T]
    next_cursor: str | None


class Space(Resource, frozen=True, kw_only=True):
    """A room for runtimes."""

    id: str
    name: str
    created_at: str
    updated_at: str


class Runtime(Resource, frozen=True, kw_only=True):
    """A browser that can be started. `active_run_id` is always there and null while it is stopped."""

    id: str
    space_id: str
    name: str
    type: str
    status: RunStatus
    active_run_id: str | None
    profile: str | None
    config: ShownConfig
    metadata: Metadata
    created_at: str
    updated_at: str
    last_activity_at: str | UnsetType = UNSET
    connect_url: str | UnsetType = UNSET
    protocol: str | UnsetType = UNSET


class Deleted(Resource, frozen=True, kw_only=True):
    """It is there no more."""

    id: str
    deleted: Literal[True] = True


class Failure(Resource, frozen=True, kw_only=True):
    """Why a run failed, or why it is parked."""

    code: str
    message: str


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

    `parked` says why nothing more of the run is shown, though more was recorded; null where all is shown.
    """

    counts: RunCounts
    last_sequence: int
    missing: list[tuple[int, int]]
    late: int
    parked: Failure | None = None
    usage: None = None


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


class RunEvent(Resource, frozen=True, kw_only=True):
    """An event of a run. `sequence` is the writer's own number; the order is that of the list."""

    id: str
    type: str
    category: str
    time: str
    sequence: int
    source: Literal["worker", "recorder"]
    late: bool
    data: Annotated[Raw, Meta(extra_json_schema={"type": "object"})]
    status: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    page_id: str | UnsetType = UNSET
    context_id: str | UnsetType = UNSET
    connection_id: str | UnsetType = UNSET
    duration_seconds: float | UnsetType = UNSET


class WaitedEvent(Resource, frozen=True, kw_only=True):
    """The answer of a wait: the event, or why there is none."""

    event: RunEvent | None
    timed_out: bool
    cursor: str
    run_ended: bool | UnsetType = UNSET


class RunEnded(Resource, frozen=True, kw_only=True):
    """The data of a stream's last frame."""

    run_id: str
    status: RunStatus
    finished_at: str | None
    failure: Failure | None


class StartedRuntime(Resource, frozen=True, kw_only=True):
    """The answer of a start. `started` is false when the runtime was active already."""

    runtime_id: str
    run_id: str
    connect_url: str
    protocol: str
    started: bool
    status: RunStatus


class StoppedRuntime(Resource, frozen=True, kw_only=True):
    """The answer of a stop."""

    runtime_id: str
    run_id: str
    status: RunStatus
    stopped: bool


class EffectiveScope(Resource, frozen=True, kw_only=True):
    """What a key reaches."""

    scope: str
    organization_id: str
    subaccount_id: None
    default_space_id: str


class Whoami(Resource, frozen=True, kw_only=True):
    """Whose key this is. Known clients refuse a missing or an extra field."""

    key_id: str
    email: None
    organization_id: str
    scope: str
    subaccount_id: None
    plan: str
    default_space_id: str
    effective_scope: EffectiveScope


class Health(Resource, frozen=True, kw_only=True):
    """Whether something can be done now, and if not, why."""

    status: Literal["ok", "unavailable"]
    reason: str | UnsetType = UNSET
    checks: dict[str, Any] | UnsetType = UNSET


class ProblemBody(Resource, frozen=True, kw_only=True):
    """The body of every error."""

    error: str
    code: str
    reason_class: str
    request_id: str
    details: dict[str, Any] | UnsetType = UNSET
    hint: str | UnsetType = UNSET


MOST_METADATA = 100  # fields; each is a row to be found by


class Request(Struct, frozen=True, kw_only=True, rename="camel"):
    """Anything a request's body holds."""


class CreateSpace(Request, frozen=True, kw_only=True):
    """A new space."""

    name: Name


class CreateRuntime(Request, frozen=True, kw_only=True):
    """A new runtime, stopped unless `start` is true."""

    name: Name | None = None
    space_id: str | None = None
    type: Literal["browser"] = "browser"
    profile: Annotated[str, Meta(pattern=whole(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"))] | None = None
    config: WantedConfig = field(default_factory=WantedConfig)
    metadata: Annotated[Metadata, Meta(max_length=MOST_METADATA)] = field(default_factory=dict)
    start: bool = False


class UpdateSpace(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may change of a space."""

    name: Name | UnsetType = UNSET


class UpdateRuntime(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396) of a runtime: null takes a field away, what is left out stays.

    Of `config` the idle time-out may change at any time, all else while the runtime is stopped.
    """

    name: Name | UnsetType = UNSET
    config: ConfigChange | UnsetType | None = UNSET
    metadata: Metadata | UnsetType | None = UNSET


class StartRuntime(Request, frozen=True, kw_only=True):
    """Options of a start; all may be left out."""

    recording: bool | UnsetType = UNSET


class WaitForEvent(Request, frozen=True, kw_only=True):
    """What to wait for; without `cursor`, only what comes after this request."""

    type: list[str] | str | None = None
    status: list[str] | str | None = None
    category: list[str] | str | None = None
    page_id: str | None = None
    connection_id: str | None = None
    cursor: str | None = None
    timeout_ms: Annotated[int, Meta(ge=0, le=120_000)] | UnsetType = UNSET
    timeout_seconds: Annotated[float, Meta(ge=0, le=120)] | UnsetType = UNSET


class WaitForRun(Request, frozen=True, kw_only=True):
    """How long to wait for a run's end."""

    timeout_ms: Annotated[int, Meta(ge=0, le=120_000)] | UnsetType = UNSET
    timeout_seconds: Annotated[float, Meta(ge=0, le=120)] | UnsetType = UNSET


class ConnectionEndpoint(Resource, frozen=True, kw_only=True):
    """Where a client connects to. The URL holds a secret."""

    url: str


class Connection(Resource, frozen=True, kw_only=True):
    """A way into a run that expires and can be revoked. `endpoint` is only in the answer to its creation.

    `status`: active lets clients in; expired and revoked do not, and revoked dropped those that were there; ended: its
    run is over.
    """

    id: str
    runtime_id: str
    run_id: str
    protocol: str
    status: Literal["active", "expired", "revoked", "ended"]
    created_at: str
    expires_at: str
    revoked_at: str | None
    endpoint: ConnectionEndpoint | UnsetType = UNSET


class CreateConnection(Request, frozen=True, kw_only=True):
    """How clients connect, and for how long new ones may."""

    protocol: Literal["cdp"] = "cdp"
    ttl_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 3600


class Target(Resource, frozen=True, kw_only=True):
    """A page of an active run: `id` is its target id in CDP, `label` its title, `uri` its URL without secrets."""

    id: str
    runtime_id: str
    type: Literal["browser_page"] = "browser_page"
    label: str
    uri: str
    active: bool


TargetUri = Annotated[str, Meta(min_length=1, max_length=16_384)]


class CreateTarget(Request, frozen=True, kw_only=True):
    """A new page; without `uri` (or `url`) it is blank."""

    uri: TargetUri | None = None
    url: TargetUri | None = None

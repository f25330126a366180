"""What a recorder asks a worker (imperatives), what the worker answers, and how a worker says that it is there."""

from __future__ import annotations

from msgspec import Raw, Struct, field

from .actions import Action
from .runtime_config import RuntimeConfig


class StartRun(Struct, frozen=True, kw_only=True, rename="camel"):
    """Start this runtime: launch its browser and open a run.

    `profile` names what it keeps, within its space; None keeps nothing. `space_limit` is how many runs the space may
    have at the same time in the whole fleet, this one too; None: as many as there is room for. `egress_allow` is what
    the space allows beside the internet (`schemas.egress`).
    """

    runtime_id: str
    space_id: str
    config: RuntimeConfig
    profile: str | None = None
    space_limit: int | None = None
    egress_allow: list[str] = []


class StopRun(Struct, frozen=True, kw_only=True, rename="camel"):
    """Stop the run that this runtime has."""

    runtime_id: str
    run_id: str


class RunStarted(Struct, frozen=True, kw_only=True, rename="camel", tag="started"):
    """The run is open. `position` is the stream sequence of its last lifecycle event: wait for it, then read."""

    run_id: str
    gateway_url: str
    position: int
    started: bool


class RunStopped(Struct, frozen=True, kw_only=True, rename="camel", tag="stopped"):
    """The run has ended; `position` as in RunStarted."""

    run_id: str
    position: int


class Refused(Struct, frozen=True, kw_only=True, rename="camel", tag="refused"):
    """The worker did not do it. `code` is one of `schemas.problems` or `schemas.ends`; `retry_after_seconds` where it
    is worth asking again.
    """

    code: str
    message: str
    position: int = 0
    retry_after_seconds: int | None = None


class CreateConnection(Struct, frozen=True, kw_only=True, rename="camel", tag="createConnection"):
    """Let clients in by a URL of its own until `ttl_seconds` are over, or it or the key `key_id` is revoked."""

    run_id: str
    ttl_seconds: int
    key_id: str = ""


class RevokeConnection(Struct, frozen=True, kw_only=True, rename="camel", tag="revokeConnection"):
    """Let nobody in by that URL any more, and drop the sockets that came by it."""

    run_id: str
    connection_id: str


class ReconfigureRun(Struct, frozen=True, kw_only=True, rename="camel", tag="reconfigure"):
    """What may change while a run is active. None: the worker's own."""

    run_id: str
    idle_timeout_seconds: int | None


class ListTargets(Struct, frozen=True, kw_only=True, rename="camel", tag="listTargets"):
    """Which pages the browser has."""

    run_id: str


class CreateTarget(Struct, frozen=True, kw_only=True, rename="camel", tag="createTarget"):
    """Open a page."""

    run_id: str
    url: str


class ActivateTarget(Struct, frozen=True, kw_only=True, rename="camel", tag="activateTarget"):
    """Bring a page to the front."""

    run_id: str
    target_id: str


class CloseTarget(Struct, frozen=True, kw_only=True, rename="camel", tag="closeTarget"):
    """Close a page."""

    run_id: str
    target_id: str


class StoredFile(Struct, frozen=True, kw_only=True, rename="camel"):
    """A file in the artifact store that an action uploads."""

    file_id: str
    object_path: str
    name: str
    content_type: str
    size_bytes: int


class Invoke(Struct, frozen=True, kw_only=True, rename="camel", tag="invoke"):
    """Do this when its turn comes. `files` are those that the action names by id.

    Asked again with the same id, it is answered as the first time and not done twice.
    """

    run_id: str
    invocation_id: str
    invocation: Action
    files: list[StoredFile] = []


class CancelInvocation(Struct, frozen=True, kw_only=True, rename="camel", tag="cancelInvocation"):
    """Give it up, wherever it is."""

    run_id: str
    invocation_id: str


class IngestedEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """An event from outside: `client_id` tells it from all others of the run that the client sends."""

    type: str
    data: Raw
    client_id: str | None = None
    name: str | None = None
    status: str | None = None
    page_id: str | None = None


class Ingest(Struct, frozen=True, kw_only=True, rename="camel", tag="ingest"):
    """Put these into the run's log, in this order; all or none."""

    run_id: str
    events: list[IngestedEvent]


RunRequest = (
    CreateConnection
    | RevokeConnection
    | ReconfigureRun
    | ListTargets
    | CreateTarget
    | ActivateTarget
    | CloseTarget
    | Invoke
    | CancelInvocation
    | Ingest
)


class Drain(Struct, frozen=True, kw_only=True, rename="camel"):
    """Take no new runs; end in `deadline_seconds` those that have not ended by themselves; then leave."""

    deadline_seconds: int


class ConnectionStands(Struct, frozen=True, kw_only=True, rename="camel", tag="connection"):
    """A connection as it is now. `position` as in RunStarted."""

    connection_id: str
    gateway_url: str
    expires_at: str
    position: int


class TargetInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """A page: its id in CDP, title and URL (without secrets), and whether it is in front."""

    target_id: str
    title: str
    url: str
    active: bool


class TargetsFound(Struct, frozen=True, kw_only=True, rename="camel", tag="targets"):
    """The pages there are, or the one that was asked for, in the order in which they were opened."""

    targets: list[TargetInfo]
    position: int = 0


class Done(Struct, frozen=True, kw_only=True, rename="camel", tag="done"):
    """It is done. `position` as in RunStarted; 0 where the log says nothing of it."""

    position: int = 0


class Ingested(Struct, frozen=True, kw_only=True, rename="camel", tag="ingested"):
    """The ids that the events have, in their order; those that were there already have the one they had then."""

    event_ids: list[str]
    position: int


class Draining(Struct, frozen=True, kw_only=True, rename="camel", tag="draining"):
    """The worker drains; so many runs are still active."""

    active: int
    position: int = 0


Answer = (
    RunStarted | RunStopped | ConnectionStands | TargetsFound | Done | Ingested | Draining | Refused
)


class Claim(Struct, frozen=True, kw_only=True, rename="camel"):
    """The value under a runtime's key in the `claims` bucket: who runs it. Created atomically."""

    worker_id: str
    run_id: str
    space_id: str
    gateway_url: str


class Heartbeat(Struct, frozen=True, kw_only=True, rename="camel"):
    """The value under a worker's key in the `workers` bucket.

    `beat` grows by one each time, so that a recorder judges by change and never by another host's clock.
    `sandbox` tells whether Chromium's own sandbox is on, and why not. `wall` is what the operating system puts between
    a browser and the host, and `wall_note` why it is no better; `egress` what holds its connections: a network
    namespace, or the proxy alone. `clock_skew_ms` is how far the host's clock is ahead of the stream's, give or take
    `clock_uncertainty_ms`; None before it was measured.

    `labels` are what a runtime's `hostLabels` are held against; `load` is the host's load of one minute by core;
    `warm` browsers wait for a runtime.

    `spool_bytes` are the events on its disk that the stream does not have yet, `spool_full` that it takes no new runs
    for that; `set_aside` counts events that could not be read or published, and files that could not be read or whose
    run nobody knows: they wait for a person.
    `uploads` files, so many bytes, are on its disk and not in the artifact store yet, the oldest for `uploads_seconds`.
    """

    worker_id: str
    beat: int
    capacity: int
    active: int
    gateway_url: str
    version: str
    chromium: str
    sandbox: bool
    sandbox_note: str = ""
    wall: str = "none"
    wall_note: str = ""
    egress: str = "proxy"
    draining: bool = False
    backlog: int = 0
    clock_skew_ms: int | None = None
    clock_uncertainty_ms: int | None = None
    spool_bytes: int = 0
    spool_limit_bytes: int = 0
    spool_full: bool = False
    set_aside: int = 0
    uploads: int = 0
    uploads_bytes: int = 0
    uploads_seconds: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    load: float = 0.0
    warm: int = 0

    @property
    def free(self) -> int:
        """How many more runtimes it would start now."""
        return 0 if self.draining or self.spool_full else max(0, self.capacity - self.active)

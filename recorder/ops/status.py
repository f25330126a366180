"""What `runreel status --json` answers. Fields are only ever added.

Times are RFC 3339, sizes bytes; what could not be seen is null.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from recorder.search.indexing import IndexState

Level = Literal["problem", "notice"]
StreamState = Literal[
    "following",  # a recorder reads it
    "starting",
    "reconnecting",
    "unread",  # its recorder does not run
    "rolled_back",
    "made_anew",
    "expired",
    "missing",  # there is no such stream
    "unknown",  # NATS cannot be reached
]


class Shape(Struct, frozen=True, kw_only=True, rename="camel"):
    """What all below have in common: names in camelCase."""


class Finding(Shape, frozen=True, kw_only=True):
    """Something that is not as it should be. A `problem` needs a person (exit code 1)."""

    level: Level
    code: str
    message: str
    hint: str = ""


class NatsSeen(Shape, frozen=True, kw_only=True):
    """The server; `why` is a sentence where it cannot be reached."""

    reachable: bool
    version: str | None = None
    why: str = ""


class RecorderSeen(Shape, frozen=True, kw_only=True):
    """The recorder of this database. `size_bytes` is the file with its WAL; `answers`: on its socket."""

    database: str
    exists: bool
    size_bytes: int = 0
    running: bool = False
    answers: bool = False
    recorder_id: str = ""
    pid: int | None = None
    nats_connected: bool | None = None
    alarms: tuple[str, ...] = ()
    search: IndexState | None = None


class StreamSeen(Shape, frozen=True, kw_only=True):
    """A stream and the tables' place in it. `lag` counts messages, `lag_seconds` is the age of the oldest;
    `never_read` were dropped by age before the recorder that runs came to them.
    """

    name: str
    state: StreamState
    epoch: int | None = None
    first: int | None = None
    last: int | None = None
    first_at: str | None = None
    last_at: str | None = None
    messages: int | None = None
    size_bytes: int | None = None
    max_bytes: int | None = None
    tables_first: int | None = None
    tables_last: int | None = None
    lag: int | None = None
    lag_seconds: float | None = None
    never_read: int = 0
    differences: tuple[tuple[str, Any, Any], ...] = ()


class ConsumerSeen(Shape, frozen=True, kw_only=True):
    """A durable consumer of a stream: a recorder's, or somebody else's."""

    stream: str
    name: str
    lag: int
    connected: bool


class HostSeen(Shape, frozen=True, kw_only=True):
    """A worker host by its heartbeat; one with claims and no heartbeat has `live` false and little else."""

    worker_id: str
    live: bool
    silent_seconds: float | None = None
    claims: int = 0
    active: int = 0
    capacity: int = 0
    spool_bytes: int = 0
    spool_limit_bytes: int = 0
    spool_full: bool = False
    set_aside: int = 0
    uploads: int = 0
    uploads_bytes: int = 0
    uploads_seconds: int = 0
    clock_skew_ms: int | None = None
    clock_uncertainty_ms: int | None = None
    draining: bool = False
    sandbox: bool | None = None
    sandbox_note: str = ""
    wall: str = ""
    wall_note: str = ""
    egress: str = ""
    chromium: str = ""
    version: str = ""


class Gap(Shape, frozen=True, kw_only=True):
    """Numbers of a worker that did not arrive, both ends included."""

    first: int
    last: int


class Hole(Shape, frozen=True, kw_only=True):
    """A run with missing numbers."""

    run_id: str
    missing: int
    gaps: tuple[Gap, ...]


class Holes(Shape, frozen=True, kw_only=True):
    """How many runs have holes, how many events miss, and the newest of those runs."""

    runs: int = 0
    missing: int = 0
    first: tuple[Hole, ...] = ()


class ParkedMessage(Shape, frozen=True, kw_only=True):
    """A message that could not be projected, and whose rows wait for it."""

    stream: str
    epoch: int
    position: int
    owner: str
    code: str
    projection: str
    reason: str


class Parked(Shape, frozen=True, kw_only=True):
    """The quarantine: messages, owners that wait, messages that an operator let pass, the first of it."""

    messages: int = 0
    owners: int = 0
    skipped: int = 0
    first: tuple[ParkedMessage, ...] = ()


class Room(Shape, frozen=True, kw_only=True):
    """Bytes used of a limit."""

    name: str
    used_bytes: int
    limit_bytes: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.used_bytes / self.limit_bytes if self.limit_bytes > 0 else 0.0


class Status(Shape, frozen=True, kw_only=True):
    """All of it. `well`: nothing needs a person."""

    at: str
    well: bool
    findings: tuple[Finding, ...]
    nats: NatsSeen
    recorder: RecorderSeen
    streams: tuple[StreamSeen, ...]
    consumers: tuple[ConsumerSeen, ...]
    hosts: tuple[HostSeen, ...]
    open_runs: int | None
    holes: Holes | None
    parked: Parked | None
    room: tuple[Room, ...]

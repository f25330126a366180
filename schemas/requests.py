"""What a recorder asks a worker (imperatives), what the worker answers, and how a worker says that it is there."""

from __future__ import annotations

from msgspec import Struct

from .events.runtime import RuntimeConfig


class StartRun(Struct, frozen=True, kw_only=True, rename="camel"):
    """Start this runtime: launch its browser and open a run."""

    runtime_id: str
    space_id: str
    config: RuntimeConfig


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
    """The worker did not do it. `code` is one of `schemas.problems` or `schemas.ends`."""

    code: str
    message: str
    position: int = 0


Answer = RunStarted | RunStopped | Refused


class Claim(Struct, frozen=True, kw_only=True, rename="camel"):
    """The value under a runtime's key in the `claims` bucket: who runs it. Created atomically."""

    worker_id: str
    run_id: str
    space_id: str
    gateway_url: str


class Heartbeat(Struct, frozen=True, kw_only=True, rename="camel"):
    """The value under a worker's key in the `workers` bucket.

    `beat` grows by one each time, so that a recorder judges by change and never by another host's clock.
    `sandbox` tells whether Chromium's own sandbox is on, and why not. `clock_skew_ms` is how far the host's clock is
    ahead of the stream's, give or take `clock_uncertainty_ms`; None before it was measured.

    `spool_bytes` are the events on its disk that the stream does not have yet, `spool_full` that it takes no new runs
    for that; `set_aside` counts what could not be read or published and waits in files of its own for a person.
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
    draining: bool = False
    backlog: int = 0
    clock_skew_ms: int | None = None
    clock_uncertainty_ms: int | None = None
    spool_bytes: int = 0
    spool_limit_bytes: int = 0
    spool_full: bool = False
    set_aside: int = 0

    @property
    def free(self) -> int:
        """How many more runtimes it would start now."""
        return 0 if self.draining or self.spool_full else max(0, self.capacity - self.active)

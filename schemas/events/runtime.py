"""A runtime's making (on CONTROL) and the course of its runs (on RUNS)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType, field

from ..runtime_config import RuntimeConfig
from ..types import Metadata, Text
from ._registry import EventData, event

WallLevel = Literal["none", "uid", "namespace"]
EgressHold = Literal["namespace", "proxy"]


@event("runtime.created", category="runtime")
class RuntimeCreated(EventData, frozen=True, kw_only=True):
    """Someone made a runtime. On CONTROL."""

    runtime_id: str
    name: str
    runtime_type: str = "browser"
    profile: str | None = None
    config: RuntimeConfig = field(default_factory=RuntimeConfig)
    metadata: Metadata = field(default_factory=dict)


@event("runtime.updated", category="runtime")
class RuntimeUpdated(EventData, frozen=True, kw_only=True):
    """Someone changed a runtime: the whole of what it is from now on. On CONTROL."""

    runtime_id: str
    name: str
    config: RuntimeConfig = field(default_factory=RuntimeConfig)
    metadata: Metadata = field(default_factory=dict)


@event("runtime.deleted", category="runtime")
class RuntimeDeleted(EventData, frozen=True, kw_only=True):
    """Someone deleted a runtime, which was stopped; its runs stay. On CONTROL."""

    runtime_id: str


@event("runtime.lifecycle", category="lifecycle")
class RuntimeLifecycle(EventData, frozen=True, kw_only=True):
    """A step in the life of a run.

    `launching` opens it (always number 1), `ready` when the browser answers (status started), `ended` closes it (status
    stopped or failed, with the code of `schemas.ends`).

    `clock_skew_ms` is how far the worker's clock is ahead of the stream's (`ready`). `passed_over` counts at the end
    what was seen and not recorded: the browser's own requests, and CDP messages that could not be read, by method.
    `requested_at` is when somebody asked for the end, where somebody did. `proxied`: all that pages send goes by a
    proxy of the runtime's own (`launching`); `proxy_bytes` is what went through that, both ways (`ended`). `wall` and
    `egress` are what holds the browser (`requests.Heartbeat`).
    """

    phase: Literal["launching", "ready", "ended"]
    worker_id: str | UnsetType = UNSET
    gateway_url: str | UnsetType = UNSET
    browser: str | UnsetType = UNSET
    sandbox: bool | UnsetType = UNSET
    wall: WallLevel | UnsetType = UNSET
    egress: EgressHold | UnsetType = UNSET
    code: str | UnsetType = UNSET
    message: Text | UnsetType = UNSET
    clock_skew_ms: int | UnsetType = UNSET
    passed_over: dict[str, int] | UnsetType = UNSET
    requested_at: str | UnsetType = UNSET
    proxy_bytes: int | UnsetType = UNSET
    proxied: bool = False

"""A runtime's making (on CONTROL) and the course of its runs (on RUNS)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType, field

from ..runtime_config import RuntimeConfig
from ..types import Metadata, Text
from ._registry import EventData, event


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
    `requested_at` is when somebody asked for the end, where somebody did.
    """

    phase: Literal["launching", "ready", "ended"]
    worker_id: str | UnsetType = UNSET
    gateway_url: str | UnsetType = UNSET
    browser: str | UnsetType = UNSET
    sandbox: bool | UnsetType = UNSET
    code: str | UnsetType = UNSET
    message: Text | UnsetType = UNSET
    clock_skew_ms: int | UnsetType = UNSET
    passed_over: dict[str, int] | UnsetType = UNSET
    requested_at: str | UnsetType = UNSET

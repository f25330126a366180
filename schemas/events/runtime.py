"""A runtime's making (on CONTROL) and the course of its runs (on RUNS)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from ..types import Metadata, Text, whole
from ._registry import EventData, event


class Viewport(Struct, frozen=True, kw_only=True, rename="camel"):
    """The size of a page in CSS pixels."""

    width: Annotated[int, Meta(ge=1, le=10_000)] = 1280
    height: Annotated[int, Meta(ge=1, le=10_000)] = 800


class RuntimeConfig(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How a runtime's browser is set up. What is left out is Chromium's default."""

    viewport: Viewport | UnsetType = UNSET
    locale: Annotated[str, Meta(pattern=whole(r"[A-Za-z0-9-]{2,35}"))] | UnsetType = UNSET
    timezone: Annotated[str, Meta(pattern=whole(r"[A-Za-z0-9_+/-]{1,64}"))] | UnsetType = UNSET
    user_agent: Annotated[str, Meta(pattern=whole(r"[ -~]{1,1024}"))] | UnsetType = UNSET


@event("runtime.created", category="runtime")
class RuntimeCreated(EventData, frozen=True, kw_only=True):
    """Someone made a runtime. On CONTROL."""

    runtime_id: str
    name: str
    runtime_type: str = "browser"
    profile: str | None = None
    config: RuntimeConfig = field(default_factory=RuntimeConfig)
    metadata: Metadata = field(default_factory=dict)


@event("runtime.lifecycle", category="lifecycle")
class RuntimeLifecycle(EventData, frozen=True, kw_only=True):
    """A step in the life of a run.

    `launching` opens it (always number 1), `ready` when the browser answers (status started), `ended` closes it (status
    stopped or failed, with the code of `schemas.ends`).

    `clock_skew_ms` is how far the worker's clock is ahead of the stream's (`ready`). `passed_over` counts at the end
    what was seen and not recorded: the browser's own requests, and CDP messages that could not be read, by method.
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

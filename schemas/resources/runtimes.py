"""Runtimes: what is set up, started and stopped."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from ..runtime_config import ConfigChange, ShownConfig, WantedConfig
from ..types import Metadata, Name, whole
from .resource import Request, Resource
from .runs import RunStatus

MOST_METADATA = 100  # fields; each is a row to be found by


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


class CreateRuntime(Request, frozen=True, kw_only=True):
    """A new runtime, stopped unless `start` is true."""

    name: Name | None = None
    space_id: str | None = None
    type: Literal["browser"] = "browser"
    profile: Annotated[str, Meta(pattern=whole(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"))] | None = None
    config: WantedConfig = field(default_factory=WantedConfig)
    metadata: Annotated[Metadata, Meta(max_length=MOST_METADATA)] = field(default_factory=dict)
    start: bool = False


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

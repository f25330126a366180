"""Activity of a run: its story for people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from .resource import Resource

ActivityCategory = Literal[
    "runtime", "browser", "network", "console", "file", "invocation", "tool", "captcha", "agent", "llm", "system"
]  # fmt: skip
ActivityStatus = Literal["started", "finished", "failed", "stopped"]
ActivityView = Literal["normal", "debug"]
Severity = Literal["info", "warning", "error"]


class ActivityItem(Resource, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was done or happened, told as one. It keeps its `id` while it goes on and is told anew.

    `status` is started while it goes on; stopped says that it was given up, or that the run ended first. `view` is
    `debug` where one would not show it to a customer. `parent_id` is the item that it is a part of; `children` are an
    item's own, where they were asked for. `data` is typed by `type` and without secrets; `data.by` says who did it.
    """

    id: str
    type: str
    category: ActivityCategory
    message: str
    time: str
    severity: Severity
    view: ActivityView
    status: ActivityStatus | UnsetType = UNSET
    duration_seconds: float | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    parent_id: str | UnsetType = UNSET
    invocation_id: str | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    file_id: str | UnsetType = UNSET
    data: Annotated[Any, Meta(extra_json_schema={"type": "object"})] = UNSET
    children: list[ActivityItem] | UnsetType = UNSET

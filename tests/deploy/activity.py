"""A run's activity written as a list of happenings, for tests of how it is shown."""

from __future__ import annotations

from typing import Any

from schemas.resources import ActivityItem, Failure, Run, RunCounts
from schemas.resources.runs import RunStatus
from schemas.times import rfc3339

START_MS = 1_795_000_000_000
RUN_ID = "01a2011f-db23-7198-8429-4363c420f708"


def item(id: str, type: str, message: str, at_ms: int = 0, **more: Any) -> ActivityItem:
    """A row `at_ms` after the run's start."""
    said: dict[str, Any] = {
        "severity": "info",
        "view": "normal",
        "category": type.partition(".")[0],
    }
    return ActivityItem(id=id, type=type, message=message, time=_at(at_ms), **{**said, **more})


def run(status: RunStatus = "stopped", failure: Failure | None = None, **more: Any) -> Run:
    """A run of two seconds, or one that goes on."""
    active = status == "active"
    said: dict[str, Any] = {"counts": RunCounts(events=7), "missing": [], "late": 0}
    return Run(
        id=RUN_ID,
        runtime_id="01a2011f-0000-7198-8429-4363c420f708",
        runtime_type="browser",
        space_id="01a2011f-0001-7198-8429-4363c420f708",
        status=status,
        created_at=_at(0),
        started_at=_at(0),
        finished_at=None if active else _at(2000),
        duration_seconds=None if active else 2.0,
        failure=failure,
        last_sequence=7,
        **{**said, **more},
    )


def _at(at_ms: int) -> str:
    return rfc3339((START_MS + at_ms) * 1_000_000)

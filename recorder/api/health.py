"""/healthz and /readyz, without a key: does the loop answer, is history served, would a start work?"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from recorder.api.endpoint import Answer, Call, Endpoint
from recorder.consumer import Consumer
from recorder.parts import Recorder
from recorder.quarantine import count_parked
from schemas.requests import Heartbeat
from schemas.resources import Health

MOST_LAG = 10_000
MOST_FAILING_SECONDS = 30.0
BROKEN = ("rolled_back", "made_anew")


class ReadyzQuery(Struct, frozen=True, rename={"purpose": "for"}):
    """`for=start` asks whether a runtime could be started now."""

    purpose: Literal["history", "start"] = "history"


async def healthz(call: Call[object, None]) -> Health:
    """The loop answers."""
    return Health(status="ok")


async def readyz(call: Call[ReadyzQuery, None]) -> Health | Answer:
    """History can be served; with `for=start`, a worker with a free place is there too."""
    recorder = call.recorder
    reason = why_no_history(recorder.consumers)
    checks = _stream_checks(recorder) | {"parked": await count_parked(recorder.store)}
    if recorder.alarms:
        checks["alarms"] = recorder.alarms
    if call.query.purpose == "start":
        reason = reason or _why_no_start(recorder)
        checks["workers"] = [_worker_check(worker) for worker in recorder.fleet.roster.live()]
        checks["startsWaiting"] = recorder.fleet.waiting
    if reason is None:
        return Health(status="ok", checks=checks)
    return Answer(Health(status="unavailable", reason=reason, checks=checks), 503)


def why_no_history(consumers: tuple[Consumer, ...]) -> str | None:
    """Why history cannot be served in full, None when it can."""
    for consumer in consumers:
        if consumer.state in BROKEN:
            return f"The stream {consumer.stream} was {consumer.state.replace('_', ' ')}."
        if consumer.state == "starting":
            return f"The stream {consumer.stream} is not being read yet."
        if (consumer.lag or 0) > MOST_LAG:
            return f"The tables are {consumer.lag} messages behind {consumer.stream}."
        if consumer.lag and consumer.failing_seconds > MOST_FAILING_SECONDS:
            return (
                f"Reading {consumer.stream} fails again and again: no message was applied for over"
                f" {MOST_FAILING_SECONDS:.0f} s, and {consumer.lag} wait. The log says why."
            )
    return None


def _why_no_start(recorder: Recorder) -> str | None:
    if not recorder.bus.is_connected:
        return "The NATS server cannot be reached."
    hosts = recorder.fleet.roster.hosts()
    if not hosts:
        return "No worker is there."
    if not any(host.free for host in hosts):
        return "No worker has a free place."
    return None


def _stream_checks(recorder: Recorder) -> dict[str, Any]:
    return {
        consumer.stream: {
            "state": consumer.state,
            "position": recorder.news.position(consumer.stream),
            "lag": consumer.lag,
        }
        for consumer in recorder.consumers
    }


def _worker_check(worker: Heartbeat) -> dict[str, Any]:
    return {
        "workerId": worker.worker_id,
        "free": worker.free,
        "capacity": worker.capacity,
        "draining": worker.draining,
        "labels": worker.labels,
        "load": worker.load,
        "warm": worker.warm,
        "version": worker.version,
        "chromium": worker.chromium,
        "sandbox": worker.sandbox,
        "sandboxNote": worker.sandbox_note,
        "wall": worker.wall,
        "wallNote": worker.wall_note,
        "egress": worker.egress,
        "clockSkewMs": worker.clock_skew_ms,
        "clockUncertaintyMs": worker.clock_uncertainty_ms,
    }


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/healthz",
        name="healthz",
        summary="Whether the process answers",
        tag="health",
        needs="nothing",
        handler=healthz,
        answer=Health,
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        name="readyz",
        summary="Whether history can be served, or a runtime started",
        tag="health",
        needs="nothing",
        handler=readyz,
        query=ReadyzQuery,
        answer=Health,
    ),
)

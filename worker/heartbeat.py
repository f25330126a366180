"""What a host tells of itself: facts that do not change, and how it is now."""

from __future__ import annotations

from msgspec import Struct, field

from schemas.requests import Heartbeat
from worker.chromium.sandbox import Sandbox
from worker.files.uploads import Uploads
from worker.outbox import Outbox


class HostFacts(Struct, frozen=True):
    """What this host tells of itself in every heartbeat."""

    worker_id: str
    capacity: int
    gateway_url: str
    version: str
    chromium: str
    labels: dict[str, str] = field(default_factory=dict)


class Busy(Struct, frozen=True):
    """What of it is taken, what waits, and whether it takes no more."""

    active: int
    warm: int
    draining: bool


def heartbeat(
    facts: HostFacts, busy: Busy, sandbox: Sandbox, outbox: Outbox, uploads: Uploads
) -> Heartbeat:
    """A beat without its number."""
    return Heartbeat(
        worker_id=facts.worker_id,
        beat=0,
        capacity=facts.capacity,
        active=busy.active,
        warm=busy.warm,
        gateway_url=facts.gateway_url,
        version=facts.version,
        chromium=facts.chromium,
        sandbox=sandbox.on,
        sandbox_note=sandbox.note,
        wall=sandbox.level,
        wall_note=sandbox.level_note,
        egress=sandbox.egress,
        draining=busy.draining,
        labels=facts.labels,
        backlog=len(outbox),
        spool_bytes=outbox.waiting_bytes,
        spool_limit_bytes=outbox.limit_bytes,
        spool_full=outbox.is_full,
        set_aside=outbox.set_aside_count + uploads.disk.aside_count,
        uploads=len(uploads),
        uploads_bytes=uploads.waiting_bytes,
        uploads_seconds=round(uploads.oldest_seconds),
    )

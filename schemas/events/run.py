"""What of a run outlives its events. On CONTROL."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from ..types import Text
from ..usage import CreditsUsed, Quantities
from ._registry import EventData, event
from .runtime import EgressHold, WallLevel

MOST_MISSING = 100


@event("run.finalised", category="lifecycle")
class RunFinalised(EventData, frozen=True, kw_only=True):
    """The digest of a run, as it was at its end: what came after that changes nothing here.

    `missing` are the gaps in the worker's numbers as [first, last], at most 100 of them, the first ones. `end_epoch`
    and `end_position` say where on RUNS its end stands. `usage` is settled; `credits` are by the rate card of then,
    absent without one. `metadata` is the runtime's of then, as texts, to tell by it who used what; long ones are left
    out.
    """

    run_id: str
    runtime_id: str
    runtime_type: str
    status: Literal["stopped", "failed"]
    created_at: str
    started_at: str | None = None
    finished_at: str
    last_activity_at: str
    code: str
    message: Text
    events: int
    last_sequence: int
    arrived: int
    late: int = 0
    wall: WallLevel | None = None
    egress: EgressHold | None = None
    missing: list[tuple[int, int]] = field(default_factory=list)
    invocations: int = 0
    tool_calls: int = 0
    usage: Quantities | None = None
    credits: CreditsUsed | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    end_epoch: int
    end_position: int

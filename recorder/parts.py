"""What one recorder consists of, for those who answer requests."""

from __future__ import annotations

from msgspec import Struct

from recorder.artifacts import Artifacts
from recorder.bus import Bus
from recorder.consumer import Consumer
from recorder.facts import Facts
from recorder.filing import Filing
from recorder.fleet import Fleet
from recorder.idempotency import Idempotency
from recorder.news import News
from recorder.reaper import Reaper
from recorder.retention import Retention
from recorder.store import Store
from recorder.tails import Tails
from schemas.settings import RecorderSettings


class Recorder(Struct, frozen=True, kw_only=True):
    """The parts, put together in `app`."""

    settings: RecorderSettings
    bus: Bus
    store: Store
    artifacts: Artifacts
    news: News
    tails: Tails
    facts: Facts
    fleet: Fleet
    idempotency: Idempotency
    reaper: Reaper
    retention: Retention
    filing: Filing
    consumers: tuple[Consumer, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """Sentences, each about something that this recorder leaves to a person."""
        found = (self.reaper.alarm, self.retention.alarm, self.filing.alarm)
        return tuple(alarm for alarm in found if alarm)

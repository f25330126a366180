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
from recorder.keys.admission import Admission
from recorder.keys.keyring import Keyring
from recorder.keys.upkeep import Upkeep
from recorder.news import News
from recorder.queries.totals import Totals
from recorder.reaper import Reaper
from recorder.retention import Retention
from recorder.search.indexing import Search
from recorder.store import Store
from recorder.tails import Tails
from schemas.settings import RecorderSettings
from schemas.usage import RateCard


class Recorder(Struct, frozen=True, kw_only=True):
    """The parts, put together in `app`."""

    settings: RecorderSettings
    rate_card: RateCard | None
    totals: Totals
    bus: Bus
    store: Store
    artifacts: Artifacts
    news: News
    tails: Tails
    facts: Facts
    fleet: Fleet
    idempotency: Idempotency
    keyring: Keyring
    admission: Admission
    upkeep: Upkeep
    reaper: Reaper
    retention: Retention
    filing: Filing
    search: Search
    consumers: tuple[Consumer, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """Sentences, each about something that this recorder leaves to a person."""
        found = (self.reaper.alarm, self.retention.alarm, self.filing.alarm)
        return tuple(alarm for alarm in found if alarm)

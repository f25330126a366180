"""What one recorder consists of, for those who answer requests."""

from __future__ import annotations

from msgspec import Struct

from recorder.bus import Bus
from recorder.consumer import Consumer
from recorder.facts import Facts
from recorder.fleet import Fleet
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
    news: News
    tails: Tails
    facts: Facts
    fleet: Fleet
    reaper: Reaper
    retention: Retention
    consumers: tuple[Consumer, ...]

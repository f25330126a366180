"""How much one run may write: what goes beyond is counted before it has a number, and told. Pure.

Only what a page or a client can make without end is measured: the categories network, console and browser, what clients
call over CDP, and files that are not kept, each with a bucket of its own, so that a flood of one does not suppress
another. The clock is given by the caller.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict

from schemas.codec import encode
from schemas.events import EventData, type_of
from schemas.events.artifact import ArtifactFailed
from schemas.events.connection import ConnectionCommand
from schemas.events.dialog import Dialog
from schemas.events.download import Download
from schemas.events.events import EventsSuppressed
from schemas.events.network import (
    NetworkFailed,
    NetworkFinished,
    NetworkResponse,
    WebSocketClosed,
)
from schemas.events.page import PageClosed, PageCrash, PageOpened
from schemas.settings import RUN_BYTES, RUN_EVENTS, RUN_EVENTS_PER_SECOND
from schemas.types import EVENT_LIMIT_BYTES
from worker.limits import size_of

NOISY = frozenset({"network", "console", "browser"})
BURST_SECONDS = 10
# What tells a page's course has room when the rest has none. But a page can open popups in a loop too.
SANITY_FACTOR = 2
_COURSE = (PageOpened, PageClosed, PageCrash, Dialog)

# Of categories that are not, what clients and pages can make in a loop all the same.
_NOISY_TOO = (ConnectionCommand, ArtifactFailed)

Reason = Literal["rate", "total", "bytes"]


class RunLimits(Struct, frozen=True):
    """The bounds of one run. The rate is for each category; ten seconds' worth of it may come at once."""

    events_per_second: int = RUN_EVENTS_PER_SECOND
    events: int = RUN_EVENTS
    bytes: int = RUN_BYTES


class Bucket(Struct):
    """Room for so many events, as of `at` (seconds)."""

    room: float
    at: float

    def take(self, rate: int, now: float, count: int = 1) -> bool:
        """Take room for so many, if there is any."""
        room = self.room + (now - self.at) * rate
        self.at = now
        self.room = room = min(room, rate * BURST_SECONDS)
        if room < count:
            return False
        self.room = room - count
        return True

    def seconds_until(self, rate: int, now: float, count: int) -> float:
        """When there will be room for so many; 0: there is."""
        room = min(self.room + (now - self.at) * rate, rate * BURST_SECONDS)
        return max(0.0, (count - room) / rate)


class Tally(Struct):
    """What was suppressed and is not told yet."""

    count: int = 0
    bytes: int = 0
    encoded_bytes: int = 0


class Budget:
    """What one run has written, and what it was not let to write.

    Every event is admitted or counted as suppressed; recorded + suppressed = happened.
    """

    def __init__(self, limits: RunLimits) -> None:
        self._limits = limits
        self._buckets: dict[str, Bucket] = {}
        self._events = 0
        self._bytes = 0
        self._tallies: dict[tuple[str, Reason], Tally] = {}

    def admits(self, data: EventData, now: float) -> bool:
        """Whether there is room for this event at `now` (monotonic, seconds); if not, it is counted here."""
        spec = type_of(data)
        if spec.category not in NOISY and not isinstance(data, _NOISY_TOO):
            return True
        reason = self._bound_met(data) or self._rate_met(spec.category, data, now)
        if reason is None:
            return True
        tally = self._tallies.get((spec.name, reason))
        if tally is None:
            tally = self._tallies[spec.name, reason] = Tally()
        tally.count += 1
        tally.bytes += body_bytes(data)
        tally.encoded_bytes += wire_bytes(data)
        return False

    @property
    def is_spent(self) -> bool:
        """Whether the run has written as much as it may."""
        return self._events >= self._limits.events or self._bytes >= self._limits.bytes

    def spend(self, size_bytes: int) -> None:
        """An event that was admitted took so much."""
        self._events += 1
        self._bytes += size_bytes

    def untold(self) -> list[EventsSuppressed]:
        """What was suppressed since it was last told, one for each kind and reason."""
        return [
            EventsSuppressed(kind=kind, reason=reason, **asdict(tally))
            for (kind, reason), tally in self._tallies.items()
        ]

    def told(self, suppressed: EventsSuppressed) -> None:
        """The log has it: count anew."""
        del self._tallies[suppressed.kind, suppressed.reason]

    def _bound_met(self, data: EventData) -> Reason | None:
        if not self.is_spent:
            return None
        limits = self._limits
        factor = SANITY_FACTOR if _is_of_the_course(data) else 1
        if self._events >= limits.events * factor:
            return "total"
        return "bytes" if self._bytes >= limits.bytes * factor else None

    def _rate_met(self, category: str, data: EventData, now: float) -> Reason | None:
        rate = self._limits.events_per_second
        bucket = self._buckets.get(category)
        if bucket is None:
            bucket = self._buckets[category] = Bucket(rate * BURST_SECONDS, now)
        return None if bucket.take(rate, now) or _is_of_the_course(data) else "rate"


def body_bytes(data: EventData) -> int:
    """About what a body would have taken: encoded as it came, neither cut nor redacted, up to an event's limit.

    That is the cheapest there is (a microsecond). What JSON cannot hold is counted text by text.
    """
    try:
        size_bytes = len(encode(data))
    except UnicodeEncodeError:
        size_bytes = size_of(data)
    return min(size_bytes, EVENT_LIMIT_BYTES)


def wire_bytes(data: EventData) -> int:
    """What an event says that its response took on the wire; each response is counted by one event only."""
    match data:
        case NetworkFinished():
            return data.encoded_bytes
        case NetworkResponse(redirect=True):
            return data.encoded_bytes or 0
        case NetworkFailed():
            return data.decoded_bytes
        case WebSocketClosed():
            return data.bytes_sent + data.bytes_received
    return 0


def _is_of_the_course(data: EventData) -> bool:
    if isinstance(data, Download):
        return data.phase in ("completed", "canceled")
    return isinstance(data, _COURSE)

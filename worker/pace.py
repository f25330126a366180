"""When an event leaves at once and when it is gathered with others. Pure; times are seconds of a monotonic clock.

Each message costs the sender, NATS (which syncs it to disk) and every reader a wake-up, and all of that competes with
the page that makes the events. A few leave as they come, so that who watches sees them at once; the rest of a burst
leaves together.
"""

from __future__ import annotations

from msgspec import Struct

GATHER_SECONDS = 0.05
GATHER_EVENTS = 64
AT_ONCE_EVENTS = 8
AT_ONCE_PER_SECOND = 200


class Pace(Struct):
    """How many events may still leave at once, as of `at`. After a burst that is less than none."""

    room: float = AT_ONCE_EVENTS
    at: float = 0.0

    def hold_seconds(self, unsent: int, now: float) -> float:
        """How long `unsent` events should wait for others; 0: they should leave now."""
        self._refill(now)
        if self.room >= unsent or unsent >= GATHER_EVENTS:
            return 0.0
        return GATHER_SECONDS

    def spend(self, sent: int, now: float) -> None:
        """So many have left."""
        self._refill(now)
        self.room = max(self.room - sent, -2 * AT_ONCE_EVENTS)

    def _refill(self, now: float) -> None:
        self.room = min(AT_ONCE_EVENTS, self.room + (now - self.at) * AT_ONCE_PER_SECOND)
        self.at = now

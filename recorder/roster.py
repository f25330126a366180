"""Which workers there are, known from their heartbeats and judged by change on this process's own
monotonic clock: neither another host's clock nor a key's TTL says who is alive.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from recorder.bus import Beat
from schemas.requests import Heartbeat

LIVE_SECONDS = 15.0
FORGET_SECONDS = 60.0


class Seen(Struct, frozen=True):
    """A worker's newest heartbeat, and when it last gave a sign of life (seconds, monotonic).

    One that was there when the watch began is no such sign, however it differs from the last one: until
    the next comes, `at` is when it was found and `alive` is False.
    """

    heartbeat: Heartbeat
    at: float
    alive: bool


class Roster:
    """Who is there. Pure but for its clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, Seen] = {}

    def read(self, beat: Beat) -> None:
        """A heartbeat was read, or its worker has taken itself off."""
        known = self._seen.get(beat.worker_id)
        if beat.heartbeat is None:
            self._seen.pop(beat.worker_id, None)
        elif known is None or known.heartbeat != beat.heartbeat:
            self._seen[beat.worker_id] = self._changed(known, beat.heartbeat, beat.fresh)

    def _changed(self, known: Seen | None, heartbeat: Heartbeat, fresh: bool) -> Seen:
        if fresh or known is None:
            return Seen(heartbeat, self._clock(), alive=fresh)
        return Seen(heartbeat, known.at, known.alive)

    def live(self) -> list[Heartbeat]:
        """Workers that beat within 15 s, those with the most free places first."""
        self._forget()
        since = self._clock() - LIVE_SECONDS
        live = [seen.heartbeat for seen in self._seen.values() if seen.alive and seen.at > since]
        return sorted(live, key=lambda heartbeat: (-heartbeat.free, heartbeat.worker_id))

    def with_room(self) -> list[Heartbeat]:
        """Live workers that would start one more runtime."""
        return [heartbeat for heartbeat in self.live() if heartbeat.free]

    def _forget(self) -> None:
        """Drop those that have been silent for a minute."""
        since = self._clock() - FORGET_SECONDS
        self._seen = {name: seen for name, seen in self._seen.items() if seen.at > since}

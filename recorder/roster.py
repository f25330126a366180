"""Which workers there are, known from their heartbeats and judged by change on this process's own
monotonic clock: neither another host's clock nor a key's TTL says who is alive.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from msgspec import Struct, structs

from recorder.bus import Beat
from recorder.placement import Host
from schemas.requests import Heartbeat

LIVE_SECONDS = 15.0
FORGET_SECONDS = 60.0


class Seen(Struct, frozen=True):
    """A worker's newest heartbeat, and when it last gave a sign of life (seconds, monotonic).

    One that was there when the watch began is no such sign, however it differs from the last one: until
    the next comes, `at` is when it was found and `alive` is False. `sent` as in `Host`.
    """

    heartbeat: Heartbeat
    at: float
    alive: bool
    sent: int = 0


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

    def sent(self, worker_id: str) -> None:
        """It was asked to start a runtime: that takes a place until it says itself how many are taken."""
        if seen := self._seen.get(worker_id):
            self._seen[worker_id] = structs.replace(seen, sent=seen.sent + 1)

    def not_taken(self, worker_id: str) -> None:
        """It did not need a place for that."""
        if (seen := self._seen.get(worker_id)) and seen.sent:
            self._seen[worker_id] = structs.replace(seen, sent=seen.sent - 1)

    def hosts(self) -> list[Host]:
        """Workers that beat within 15 s, by name."""
        self._forget()
        now = self._clock()
        return [
            Host(seen.heartbeat, seen.sent, now - seen.at)
            for _, seen in sorted(self._seen.items())
            if seen.alive and now - seen.at < LIVE_SECONDS
        ]

    @property
    def free(self) -> int:
        """How many places they all have."""
        return sum(host.free for host in self.hosts())

    def silence(self, worker_id: str) -> float:
        """For how many seconds it has given no sign of life; without end where it is not there."""
        seen = self._seen.get(worker_id)
        return inf if seen is None else self._clock() - seen.at

    def live(self) -> list[Heartbeat]:
        """The newest beat of each of them."""
        return [host.heartbeat for host in self.hosts()]

    def _forget(self) -> None:
        """Drop those that have been silent for a minute."""
        since = self._clock() - FORGET_SECONDS
        self._seen = {name: seen for name, seen in self._seen.items() if seen.at > since}

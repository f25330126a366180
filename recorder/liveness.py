"""Which hosts are lost, and which runs are nobody's. Pure but for this process's monotonic clock.

A host is lost when JetStream has worked for us for 15 s without a break, and in them nothing of that host
changed. Whatever may have kept a beat from us starts the 15 s anew: a probe that failed, a reconnect, and
more than 3 s between two good probes, for then this process stood still itself. So a key that a server
dropped by its TTL while it was away says nothing, and nobody's clock is asked but our own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from math import inf

from msgspec import Struct

from recorder.bus import Beat

LOST_SECONDS = 15.0
MOST_GAP_SECONDS = 3.0
FORGET_SECONDS = 60.0
ONE_IN = 5  # when more than so many of the hosts are silent at once, it is not the hosts
# Hosts that are cut off together sent their last beats at different moments, and the first of them must not count as
# lost alone: whoever has been silent for so much of the time is counted with it.
SUSPECT_SHARE = 2 / 3

Clock = Callable[[], float]


class Life(Struct, frozen=True):
    """The revision of what a worker's key held last, and when that was new to us."""

    revision: int
    at: float


class Verdict(Struct, frozen=True):
    """Worker ids. `lost`: their runs are to be ended. `withheld`: they seem lost, of so many `hosts` that
    nothing is ended.
    """

    lost: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    hosts: int = 0


class Liveness:
    """Takes in beats and probes, and judges."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lives: dict[str, Life] = {}
        self._good_since: float | None = None
        self._good_at = 0.0
        self._withheld_at = -inf

    def read(self, beat: Beat) -> None:
        """A worker's key was read. What is new in it is a sign of life, also that it was taken off; that
        nothing is there is none.
        """
        known = self._lives.get(beat.worker_id)
        if beat.revision and (known is None or known.revision != beat.revision):
            self._lives[beat.worker_id] = Life(beat.revision, self._clock())

    def probed(self, good: bool) -> None:
        """A round trip through JetStream has succeeded just now, or has failed."""
        now = self._clock()
        if not good:
            self._good_since = None
        elif self._good_since is None or now - self._good_at > MOST_GAP_SECONDS:
            self._good_since = now
        self._good_at = now

    def interrupted(self) -> None:
        """Beats may have been missed: the 15 s begin anew with the next good probe."""
        self._good_since = None

    @property
    def settled(self) -> bool:
        """Whether JetStream has worked for us for 15 s without a break, up to now."""
        now = self._clock()
        return (
            self._good_since is not None
            and now - self._good_at <= MOST_GAP_SECONDS
            and now - self._good_since >= LOST_SECONDS
        )

    def judge(self, holders: Collection[str]) -> Verdict:
        """Who of the workers that hold claims is lost."""
        if not self.settled:
            return Verdict()
        self._forget(holders)
        hosts = {*self._lives, *holders}
        candidates = tuple(sorted(filter(self.is_silent, holders)))
        suspects = sum(
            self._silence(worker_id) >= LOST_SECONDS * SUSPECT_SHARE for worker_id in hosts
        )
        if suspects > 1 and suspects * ONE_IN > len(hosts):
            self._withheld_at = self._clock()
            return Verdict(withheld=candidates, hosts=len(hosts))
        # Hosts that were cut off together come back one by one: the last of them must not count as lost alone.
        if self._clock() - self._withheld_at < LOST_SECONDS:
            return Verdict(hosts=len(hosts))
        return Verdict(lost=candidates, hosts=len(hosts))

    def is_silent(self, worker_id: str) -> bool:
        """Whether nothing of a worker has changed for 15 s; what that means only `settled` tells."""
        return self._silence(worker_id) >= LOST_SECONDS

    def _silence(self, worker_id: str) -> float:
        """For how many seconds nothing of a worker has changed; one that we never heard has always been silent."""
        life = self._lives.get(worker_id)
        return inf if life is None else self._clock() - life.at

    def _forget(self, holders: Collection[str]) -> None:
        """Who holds nothing and has been silent for a minute does not count as a host any more."""
        since = self._clock() - FORGET_SECONDS
        self._lives = {
            worker_id: life
            for worker_id, life in self._lives.items()
            if life.at > since or worker_id in holders
        }


class Unclaimed:
    """Runs that are open and that nobody claims."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def look(self, run_ids: Iterable[str]) -> list[str]:
        """Those of them that were so at every look for 15 s, and at two of them at least."""
        now = self._clock()
        before, self._since = self._since, {}
        for run_id in run_ids:
            self._since[run_id] = before.get(run_id, now)
        return [
            run_id
            for run_id, since in self._since.items()
            if run_id in before and now - since >= LOST_SECONDS
        ]

    def forget(self) -> None:
        """Nobody could look: begin anew."""
        self._since = {}

"""Who counts as there: judged by change, on one's own clock."""

from __future__ import annotations

from math import inf

from recorder.bus import Beat
from recorder.roster import FORGET_SECONDS, LIVE_SECONDS, Roster
from schemas.requests import Heartbeat


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def heartbeat(worker_id: str, beat: int, active: int = 0, *, draining: bool = False) -> Heartbeat:
    return Heartbeat(
        worker_id=worker_id,
        beat=beat,
        capacity=2,
        active=active,
        gateway_url="ws://x",
        version="0",
        chromium="",
        sandbox=True,
        draining=draining,
    )


def beat(heartbeat: Heartbeat, *, fresh: bool = True) -> Beat:
    return Beat(worker_id=heartbeat.worker_id, heartbeat=heartbeat, fresh=fresh, revision=1)


def gone(worker_id: str) -> Beat:
    return Beat(worker_id=worker_id, heartbeat=None, fresh=True, revision=1)


def names(heartbeats: list[Heartbeat]) -> list[str]:
    return [each.worker_id for each in heartbeats]


def test_what_was_sent_counts_until_the_next_beat() -> None:
    clock = Clock()
    roster = Roster(clock)
    roster.read(beat(heartbeat("a", 1, active=1)))
    roster.sent("a")
    roster.sent("gone")
    roster.not_taken("gone")
    clock.now += 1
    roster.read(beat(heartbeat("a", 1, active=1)))  # the same beat, read again
    [host] = roster.hosts()
    assert (host.active, host.free, host.age_seconds) == (2, 0, 1)
    roster.not_taken("a")
    [host] = roster.hosts()
    assert (host.active, host.free) == (1, 1)
    roster.sent("a")
    roster.read(beat(heartbeat("a", 2, active=1)))
    [host] = roster.hosts()
    assert (host.active, host.sent, host.age_seconds) == (1, 0, 0)
    roster.not_taken("a")  # its beat has said so already
    assert roster.hosts() == [host]


def test_silent_worker_is_not_there() -> None:
    clock = Clock()
    roster = Roster(clock)
    roster.read(beat(heartbeat("a", 1)))
    clock.now += LIVE_SECONDS - 1
    assert names(roster.live()) == ["a"]
    roster.read(beat(heartbeat("a", 1)))  # the same beat, read again: no sign of life
    clock.now += 2
    assert roster.live() == []
    roster.read(beat(heartbeat("a", 2)))
    assert names(roster.live()) == ["a"]


def test_silence() -> None:
    clock = Clock()
    roster = Roster(clock)
    assert roster.silence("a") == inf
    roster.read(beat(heartbeat("a", 1)))
    clock.now += 4
    assert roster.silence("a") == 4


def test_worker_that_took_itself_off() -> None:
    roster = Roster(Clock())
    roster.read(beat(heartbeat("a", 1)))
    roster.read(gone("a"))
    roster.read(gone("b"))
    assert roster.live() == []


def test_heartbeat_that_was_there_counts_once_it_changes() -> None:
    roster = Roster(Clock())
    roster.read(beat(heartbeat("a", 1), fresh=False))
    assert roster.live() == []
    roster.read(beat(heartbeat("a", 2)))
    assert names(roster.live()) == ["a"]


def test_what_another_watch_finds_is_no_sign_of_life() -> None:
    clock = Clock()
    roster = Roster(clock)
    roster.read(beat(heartbeat("a", 1)))
    clock.now += 2
    roster.read(beat(heartbeat("a", 2), fresh=False))  # nor does it end a life
    assert names(roster.live()) == ["a"]
    clock.now += LIVE_SECONDS - 1
    assert roster.live() == []


def test_silent_worker_is_forgotten() -> None:
    clock = Clock()
    roster = Roster(clock)
    roster.read(beat(heartbeat("a", 1)))
    clock.now += FORGET_SECONDS + 1
    assert roster.live() == []
    assert roster._seen == {}

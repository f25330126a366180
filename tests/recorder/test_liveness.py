"""Who is lost: judged by what changed while JetStream worked for us, and by nothing else."""

from __future__ import annotations

from recorder.bus import Beat
from recorder.liveness import (
    FORGET_SECONDS,
    LOST_SECONDS,
    MOST_GAP_SECONDS,
    Liveness,
    Unclaimed,
    Verdict,
)

NOTHING = Verdict()


class World:
    """A clock, a recorder that probes once a second, and workers that beat once a second."""

    def __init__(self, *workers: str) -> None:
        self.now = 1000.0
        self.liveness = Liveness(lambda: self.now)
        self.revision = 0
        self.beating = set(workers)
        self.holders = set(workers)
        self.reachable = True

    def beat(self, worker: str) -> None:
        self.revision += 1
        self.read(worker, self.revision)

    def read(self, worker: str, revision: int) -> None:
        beat = Beat(worker_id=worker, heartbeat=None, fresh=True, revision=revision)
        self.liveness.read(beat)

    def go(self, seconds: float) -> Verdict:
        """Second after second; the last judgement."""
        verdict = NOTHING
        for _ in range(int(seconds)):
            self.now += 1
            verdict = self.second()
        return verdict

    def second(self) -> Verdict:
        for worker in sorted(self.beating) if self.reachable else ():
            self.beat(worker)
        self.liveness.probed(self.reachable)
        return self.judge()

    def judge(self) -> Verdict:
        return self.liveness.judge(self.holders)


def is_settled(world: World) -> bool:
    return world.liveness.settled


def test_nobody_is_lost_while_all_beat() -> None:
    world = World("a", "b")
    assert world.go(100) == Verdict(hosts=2)


def test_one_of_one_is_lost_after_15_seconds_without_a_beat() -> None:
    world = World("a")
    world.go(100)
    world.beating.clear()
    assert world.go(LOST_SECONDS - 1).lost == ()
    assert world.go(1).lost == ("a",)


def test_one_of_several_is_lost() -> None:
    world = World("a", "b", "c")
    world.go(100)
    world.beating.remove("b")
    assert world.go(LOST_SECONDS).lost == ("b",)


def test_host_that_was_never_seen_is_lost_once_jetstream_worked_for_15_seconds() -> None:
    world = World("a")
    world.beating.clear()
    assert world.go(LOST_SECONDS) == NOTHING
    assert world.go(1).lost == ("a",)


def test_host_that_holds_nothing_is_not_lost() -> None:
    world = World("a")
    world.go(100)
    world.beating.clear()
    world.holders.clear()
    assert world.go(LOST_SECONDS).lost == ()


def test_nobody_is_lost_while_nats_is_away_nor_for_15_seconds_after() -> None:
    world = World("a")
    world.go(100)
    world.reachable = False
    assert world.go(600) == NOTHING
    world.reachable = True
    world.beating.clear()
    assert world.go(LOST_SECONDS) == NOTHING
    assert world.go(1).lost == ("a",)


def test_host_that_beats_again_after_an_outage_is_not_lost() -> None:
    """Also when it takes its time to reconnect."""
    world = World("a")
    world.go(100)
    world.reachable = False
    world.go(600)
    world.reachable = True
    world.beating.clear()
    world.go(LOST_SECONDS - 1)
    world.beating.add("a")
    assert world.go(100) == Verdict(hosts=1)


def test_one_failed_probe_starts_anew() -> None:
    world = World("a")
    world.go(100)
    world.beating.clear()
    world.go(LOST_SECONDS - 1)
    world.liveness.probed(False)
    assert world.go(LOST_SECONDS) == NOTHING
    assert world.go(1).lost == ("a",)


def test_reconnect_starts_anew_also_between_two_good_probes() -> None:
    world = World("a")
    world.go(100)
    world.beating.clear()
    world.go(LOST_SECONDS - 1)
    world.liveness.interrupted()
    assert world.go(LOST_SECONDS) == NOTHING
    assert world.go(1).lost == ("a",)


def test_own_process_that_stood_still_for_20_seconds_starts_anew() -> None:
    world = World("a")
    world.go(100)
    world.now += 20
    assert not world.liveness.settled
    assert world.judge() == NOTHING  # before any probe
    world.liveness.probed(True)
    assert world.judge() == NOTHING  # and before any beat was read
    world.beating.clear()
    assert world.go(LOST_SECONDS - 1) == NOTHING
    assert world.go(1).lost == ("a",)


def test_gap_between_probes_that_is_just_allowed() -> None:
    world = World("a")
    world.go(100)
    world.now += MOST_GAP_SECONDS
    assert is_settled(world)
    world.now += 0.1
    assert not is_settled(world)
    world.liveness.probed(True)
    assert not is_settled(world)


def test_key_that_expired_by_its_ttl_is_no_sign_of_life() -> None:
    world = World("a")
    world.go(100)
    world.beating.clear()
    world.go(LOST_SECONDS)
    world.read("a", 0)
    assert world.judge().lost == ("a",)


def test_key_that_vanished_in_an_outage_ends_nothing() -> None:
    world = World("a")
    world.go(100)
    world.reachable = False
    world.go(60)
    world.reachable = True
    world.liveness.probed(True)
    world.read("a", 0)
    assert world.judge() == NOTHING
    assert world.go(100) == Verdict(hosts=1)


def test_value_that_a_direct_read_finds_new_is_a_sign_of_life() -> None:
    """Our watch was deaf."""
    world = World("a")
    world.go(100)
    world.beating.clear()
    assert world.go(LOST_SECONDS).lost == ("a",)
    world.read("a", world.revision + 1)
    assert world.judge().lost == ()
    assert world.go(LOST_SECONDS - 1).lost == ()
    assert world.go(1).lost == ("a",)


def test_same_value_read_again_is_no_sign_of_life() -> None:
    world = World("a")
    world.go(100)
    world.beating.clear()
    for _ in range(int(LOST_SECONDS)):
        world.go(1)
        world.read("a", world.revision)
    assert world.judge().lost == ("a",)


def test_bucket_that_was_made_anew_counts_from_one() -> None:
    world = World("a")
    world.go(100)
    world.revision = 0
    assert world.go(100) == Verdict(hosts=1)


def test_two_of_two_at_once_are_withheld() -> None:
    world = World("a", "b")
    world.go(100)
    world.beating.clear()
    assert world.go(LOST_SECONDS) == Verdict(withheld=("a", "b"), hosts=2)


def test_a_fifth_at_once_is_lost_and_more_is_withheld() -> None:
    hosts = [f"w{number:02}" for number in range(10)]
    world = World(*hosts)
    world.go(100)
    world.beating -= {"w03", "w07"}
    assert world.go(LOST_SECONDS) == Verdict(lost=("w03", "w07"), hosts=10)
    world.beating.remove("w08")
    assert world.go(LOST_SECONDS) == Verdict(withheld=("w03", "w07", "w08"), hosts=10)


def test_hosts_that_are_cut_off_together_beat_last_at_different_moments() -> None:
    """None of them is lost alone while the others have not been silent for long enough."""
    workers = [f"w{number}" for number in range(10)]
    world = World(*workers)
    world.go(100)
    for worker in workers[:5]:  # a second lies between one's last beat and the next one's
        world.beating.remove(worker)
        assert world.go(1).lost == ()
    assert world.go(LOST_SECONDS - 5).withheld == ("w0",)
    assert world.go(4) == Verdict(withheld=tuple(workers[:5]), hosts=10)
    assert world.go(100).lost == ()


def test_silent_hosts_that_hold_nothing_count_too() -> None:
    """So that one that is busy is not ended when it is not the hosts."""
    world = World("a", "b", "c")
    world.holders = {"a"}
    world.go(100)
    world.beating.clear()
    assert world.go(LOST_SECONDS) == Verdict(withheld=("a",), hosts=3)
    assert world.go(FORGET_SECONDS) == Verdict(lost=("a",), hosts=1)


def test_one_after_another_is_not_at_once() -> None:
    world = World("a", "b", "c")
    world.go(100)
    world.beating.remove("a")
    assert world.go(LOST_SECONDS).lost == ("a",)
    world.holders.remove("a")  # its runs were ended
    world.go(FORGET_SECONDS)
    world.beating.remove("b")
    assert world.go(LOST_SECONDS) == Verdict(lost=("b",), hosts=2)


def test_withheld_hosts_that_beat_again() -> None:
    world = World("a", "b")
    world.go(100)
    world.beating.clear()
    world.go(LOST_SECONDS)
    world.beating = {"a"}  # they come back one by one, and the last one is not lost for that
    assert world.go(LOST_SECONDS - 1) == Verdict(hosts=2)
    world.beating = {"a", "b"}
    assert world.go(LOST_SECONDS) == Verdict(hosts=2)


def test_withheld_host_that_does_not_beat_again_when_the_others_do() -> None:
    world = World("a", "b")
    world.go(100)
    world.beating.clear()
    world.go(LOST_SECONDS)
    world.beating = {"a"}
    assert world.go(LOST_SECONDS) == Verdict(lost=("b",), hosts=2)


def test_flapping_host_is_not_lost() -> None:
    world = World("a")
    world.go(100)
    for _ in range(10):
        world.beating.clear()
        assert world.go(LOST_SECONDS - 1).lost == ()
        world.beating.add("a")
        assert world.go(1).lost == ()


def test_flapping_nats_ends_nothing() -> None:
    world = World("a")
    world.beating.clear()
    for _ in range(10):
        world.reachable = True
        assert world.go(LOST_SECONDS) == NOTHING
        world.reachable = False
        assert world.go(1) == NOTHING


def test_worker_that_took_itself_off_has_its_15_seconds() -> None:
    """It ends its runs and gives its claims back in them."""
    world = World("a")
    world.go(100)
    world.beating.clear()
    world.go(10)
    world.revision += 1
    world.read("a", world.revision)
    assert world.go(LOST_SECONDS - 1).lost == ()
    assert world.go(1).lost == ("a",)


class Looks:
    def __init__(self) -> None:
        self.now = 0.0
        self.unclaimed = Unclaimed(lambda: self.now)

    def look(self, after: float, *run_ids: str) -> list[str]:
        self.now += after
        return self.unclaimed.look(run_ids)


def test_run_is_nobodys_after_15_seconds() -> None:
    looks = Looks()
    assert looks.look(0, "r") == []
    assert looks.look(10, "r") == []
    assert looks.look(5, "r", "s") == ["r"]
    assert looks.look(10, "s") == []
    assert looks.look(5, "s") == ["s"]


def test_run_that_was_claimed_in_between_begins_anew() -> None:
    looks = Looks()
    looks.look(0, "r")
    looks.look(10)
    assert looks.look(10, "r") == []
    assert looks.look(15, "r") == ["r"]


def test_one_look_is_never_enough() -> None:
    looks = Looks()
    assert looks.look(1000, "r") == []
    looks.unclaimed.forget()
    assert looks.look(1000, "r") == []
    assert looks.look(15, "r") == ["r"]

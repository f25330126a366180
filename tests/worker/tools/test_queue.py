from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from worker.tools import queue
from worker.tools.queue import MOST_WAITING, Queue


def test_in_order_one_at_a_time() -> None:
    jobs: Queue[str, str] = Queue()
    for each in "abc":
        jobs.add(each, each.upper())
    assert jobs.begin_next() == "A"
    assert [jobs.place(each) for each in "abcd"] == ["running", "waiting", "waiting", "unknown"]
    jobs.end("b", "left of b")
    assert jobs.open() == ["A", "C"]
    jobs.end("a", "left of a")
    assert jobs.begin_next() == "C"
    jobs.end("c", "left of c")
    assert (jobs.begin_next(), jobs.is_idle, jobs.find("a")) == (None, True, None)
    assert [jobs.left_of(each) for each in "ad"] == ["left of a", None]


def test_it_is_full_at_its_bound() -> None:
    jobs: Queue[int, str] = Queue()
    for number in range(MOST_WAITING):
        assert not jobs.is_full
        jobs.add(str(number), number)
    assert jobs.is_full
    jobs.begin_next()
    assert not jobs.is_full


def test_what_is_long_over_is_forgotten() -> None:
    jobs: Queue[int, str] = Queue()
    for number in range(queue.MOST_KNOWN + 5):
        jobs.add(str(number), number)
        jobs.begin_next()
        jobs.end(str(number), "")
    assert (jobs.place("4"), jobs.place("5")) == ("unknown", "over")


class Machine(RuleBasedStateMachine):
    """Beside a list: whatever is cancelled or ends when, the rest keeps its order and each has its turn once."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.jobs: Queue[int, str] = Queue()
        self.waiting: list[int] = []
        self.running: int | None = None
        self.last = 0

    @rule(target=ids)
    def add(self) -> int:
        self.last += 1
        self.jobs.add(str(self.last), self.last)
        self.waiting.append(self.last)
        return self.last

    @rule()
    def begin(self) -> None:
        if self.running is None:
            found = self.jobs.begin_next()
            assert found == (self.waiting[0] if self.waiting else None)
            self.running = self.waiting.pop(0) if self.waiting else None

    @rule(job=ids)
    def end(self, job: int) -> None:
        self.jobs.end(str(job), "")
        if job == self.running:
            self.running = None
        elif job in self.waiting:
            self.waiting.remove(job)

    @invariant()
    def same(self) -> None:
        running = [] if self.running is None else [self.running]
        assert self.jobs.open() == running + self.waiting
        assert self.jobs.is_idle == (not self.jobs.open())


Machine.TestCase.settings = settings(max_examples=50, stateful_step_count=30)
TestQueue = Machine.TestCase

"""The order of one run's invocations: one at a time, as they came. Pure; it writes nothing and waits for nothing."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, Literal, TypeVar

MOST_WAITING = 100
# Of those that are over, so many are known by their id, so that they are not done once more.
MOST_KNOWN = 2000

J = TypeVar("J")
L = TypeVar("L")
Place = Literal["waiting", "running", "over", "unknown"]


class Queue(Generic[J, L]):
    """Jobs by id. A job is waiting, then running, then over; cancelled, it may be over at once. An `L` is left."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._running: str | None = None
        self._jobs: dict[str, J] = {}
        self._over: OrderedDict[str, L] = OrderedDict()

    @property
    def is_full(self) -> bool:
        """Whether so many wait that no more are taken."""
        return len(self._waiting) >= MOST_WAITING

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do, and nothing being done."""
        return self._running is None and not self._waiting

    def find(self, job_id: str) -> J | None:
        """The job with that id, while it is not over."""
        return self._jobs.get(job_id)

    def left_of(self, job_id: str) -> L | None:
        """What is left of a job that is over; None: it is not over, unknown, or long over."""
        return self._over.get(job_id)

    def place(self, job_id: str) -> Place:
        """How far it is."""
        if job_id in self._jobs:
            return "running" if job_id == self._running else "waiting"
        return "over" if job_id in self._over else "unknown"

    def add(self, job_id: str, job: J) -> None:
        """Another one, last. Its id is new."""
        self._waiting.append(job_id)
        self._jobs[job_id] = job

    def begin_next(self) -> J | None:
        """The job whose turn it is; None where none waits. The one before it must be over."""
        assert self._running is None
        if not self._waiting:
            return None
        self._running = self._waiting.popleft()
        return self._jobs[self._running]

    def end(self, job_id: str, left: L) -> None:
        """It is over, whether its turn had come or not."""
        if self._jobs.pop(job_id, None) is None:
            return
        if job_id == self._running:
            self._running = None
        else:
            self._waiting.remove(job_id)
        self._over[job_id] = left
        if len(self._over) > MOST_KNOWN:
            self._over.popitem(last=False)

    def open(self) -> list[J]:
        """All that are not over, in their order."""
        running = [self._running] if self._running is not None else []
        return [self._jobs[each] for each in (*running, *self._waiting)]

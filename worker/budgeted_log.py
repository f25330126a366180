"""What a run writes: within its budget while it goes on, and until its last event what belongs before that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from worker.budget import Budget, RunLimits
from worker.fact import Fact
from worker.outbox import Entry
from worker.run_log import RunLog

log = structlog.get_logger(__name__)

SUPPRESSED_TOLD_SECONDS = 1.0


class BudgetedLog:
    """The log of a run as its parts write to it. `on_refusal` is told what the disk does not take."""

    def __init__(
        self, run_log: RunLog, limits: RunLimits, on_refusal: Callable[[OSError], None]
    ) -> None:
        self._log = run_log
        self._budget = Budget(limits)
        self._on_refusal = on_refusal
        self._telling: asyncio.TimerHandle | None = None
        self._finishing = False

    @property
    def is_spent(self) -> bool:
        """Whether the run has written as much as it may."""
        return self._budget.is_spent

    def record(self, fact: Fact) -> Entry | None:
        """Write a fact within the budget, if so; after `finish` nothing."""
        if self._finishing:
            return None
        if self._budget.admits(fact.data, time.monotonic()):
            return self._put(fact)
        if self._telling is None:
            loop = asyncio.get_running_loop()
            self._telling = loop.call_later(SUPPRESSED_TOLD_SECONDS, self._tell_suppressed)
        return None

    def record_all(self, facts: Sequence[Fact]) -> list[Entry] | None:
        """Write what comes from outside, all or none; None: it could not be. Who sent it is told, so it ends no run."""
        if self._finishing:
            return None
        try:
            entries = self._log.record_all(facts)
        except OSError as error:
            log.warning("runtime.not_taken", run_id=self._log.run_id, error=str(error))
            return None
        for entry in entries:
            self._budget.spend(entry.size_bytes)
        return entries

    def conclude(self, fact: Fact) -> Entry | None:
        """Write a fact that the run may also end with: after `finish` too, but not after its last event."""
        if not self._finishing:
            return self.record(fact)
        if self._log.ended:
            return None
        try:
            return self._log.record(fact, last=True)
        except OSError as error:
            log.error("runtime.not_told", run_id=self._log.run_id, error=str(error))
            return None

    def finish(self) -> None:
        """Only what the run ends with is taken from now on."""
        self._finishing = True
        if self._telling is not None:
            self._telling.cancel()

    def write_suppressed(self, *, last: bool) -> None:
        """Tell what was not admitted and is not told yet. Raises OSError."""
        for suppressed in self._budget.untold():
            self._log.record(Fact(data=suppressed), last=last)
            self._budget.told(suppressed)

    def _put(self, fact: Fact) -> Entry | None:
        try:
            entry = self._log.record(fact)
        except OSError as error:
            self._on_refusal(error)
            return None
        self._budget.spend(entry.size_bytes)
        return entry

    def _tell_suppressed(self) -> None:
        self._telling = None
        try:
            self.write_suppressed(last=False)
        except OSError as error:
            self._on_refusal(error)

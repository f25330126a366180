"""The real worker, which keeps a ledger of its own: one line for each event that was given a number.

    python -m tests.support.faults.worker_process LEDGER [LINES_PER_SECOND]

Settings come from the environment. With a rate, each run has in its browser's place a task that records so many
console lines a second: a load without Chromium's. A line of the ledger is written with one `write`, so it is there
however this process dies. SIGUSR1 sets its clock back by an hour.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from tests.support.faults import clock

clock.can_be_set_back()

# Everything else is imported with that clock.
from deploy import cli  # noqa: E402
from schemas.events.console import ConsoleMessage  # noqa: E402
from worker import host  # noqa: E402
from worker.chromium.process import Process  # noqa: E402
from worker.fact import Fact  # noqa: E402
from worker.outbox import Entry  # noqa: E402
from worker.run_log import RunLog  # noqa: E402
from worker.runtime import Runtime  # noqa: E402

TICK_SECONDS = 0.01
MOST_AT_ONCE = 100  # a process that stood still does not make up for it


class Lines(Process):
    """What stands in Chromium's place: it can be killed."""

    def __init__(self) -> None:
        self.ended = asyncio.get_running_loop().create_future()

    def kill(self) -> None:
        if not self.ended.done():
            self.ended.set_result(-9)


class LinesRuntime(Runtime):
    """A run that records console lines at an even rate until it is stopped."""

    rate = 0.0

    async def _launch(self) -> None:
        lines = Lines()
        lines.ended.add_done_callback(self.browser._on_process_end)
        self.browser.process, self.browser.product = lines, "Lines/1"
        self._launched = True
        self._writing = asyncio.get_running_loop().create_task(self._write(lines))

    async def _write(self, lines: Process) -> None:
        written, since = 0, time.monotonic()
        while not lines.ended.done():
            due = int((time.monotonic() - since) * self.rate)
            if due - written > MOST_AT_ONCE:
                written = due - MOST_AT_ONCE
            for number in range(written, due):
                text = f"line {number} of a page that has something to say now and then"
                self.record(Fact(data=ConsoleMessage(level="info", text=text)))
            written = due
            await asyncio.sleep(TICK_SECONDS)

    async def _flush(self) -> None:
        """There is nothing that it could still say."""


def keep_ledger(path: str) -> None:
    """Write down each event once it has its number and lies on the worker's disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    record = RunLog.record

    def recorded(run_log: RunLog, fact: Fact, *, last: bool = False) -> Entry:
        entry = record(run_log, fact, last=last)
        os.write(descriptor, f"{run_log.run_id} {run_log.last} {entry.event_id}\n".encode())
        return entry

    RunLog.record = recorded  # type: ignore[method-assign, assignment]


def main() -> None:
    """Be a worker, as `runreel worker` is."""
    ledger, *rate = sys.argv[1:]
    keep_ledger(ledger)
    if rate:
        LinesRuntime.rate = float(rate[0])
        setattr(host, "Runtime", LinesRuntime)  # noqa: B010  # it is not ours to name there
    sys.argv = ["runreel", "worker"]
    cli.main()


if __name__ == "__main__":
    main()

"""A recorder's writing is killed before each of its statements in turn, and what its file is worth then.

    python -m tests.support.faults.crash_points DIRECTORY

Forks for each statement, so it is a process of its own, with one thread. Writes to `found.json` there how many points
there were, and what was wrong with the file at any of them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from recorder.entries import Message
from recorder.projections import PROJECTIONS
from recorder.store import Store, open_store
from tests.support import recorder_spec as spec
from tests.support.faults import statements
from tests.support.recorder_worker import FakeRun, new_id

FOUND = "found.json"

Work = Callable[[Path, int], Coroutine[Any, Any, None]]


class Found(Struct):
    """How many statements the process was killed before, and after which of them the file was not right."""

    points: int
    wrong: dict[int, str]


def stream() -> list[Message]:
    """160 messages: of six runs that begin and end, one in ten for the second time, some unreadable."""
    runs = [FakeRun("w1", new_id(), new_id()) for _ in range(6)]
    messages = [spec.message(at, run.launching()) for at, run in enumerate(runs, 1)]
    while len(messages) < 160:
        at, run = len(messages) + 1, runs[len(messages) % 6]
        if at % 10 == 0:
            messages.append(spec.raw_message(at, messages[-7].subject, messages[-7].body))
        elif at % 33 == 0:
            messages.append(spec.raw_message(at, f"runs.s.{run.run_id}.w1.x", b"?"))
        else:
            messages.append(spec.message(at, run.ended() if at % 41 == 0 else run.event("x.y")))
    return messages


async def a_batch(file: Path, number: int) -> None:
    """The second half of the stream as one batch; dies before a statement of it, or of closing the file."""
    async with open_store(file, PROJECTIONS) as store:
        counter = statements.Counter(number, statements.die)
        await store.write(
            lambda transaction: transaction._connection.set_trace_callback(counter.see)
        )
        await spec.apply(store, MESSAGES[HALF:])


async def the_opening(file: Path, number: int) -> None:
    """A new file, opened for the first time; dies before a statement of that."""
    statements.die_at(number)
    async with open_store(file, PROJECTIONS):
        pass


async def _applied(file: Path, messages: Sequence[Message]) -> tuple[str, str]:
    """What the file dumps as, and what it does once it has gone on from its checkpoint to the end of these messages."""
    async with open_store(file, PROJECTIONS) as store:
        before = await spec.dump(store)
        await spec.apply(store, await _beyond(store, messages))
        return before, await spec.dump(store)


async def _beyond(store: Store, messages: Sequence[Message]) -> list[Message]:
    at = await spec.checkpoint(store)
    return [each for each in messages if each.position > (at.position if at else 0)]


def _died(work: Work, file: Path, number: int) -> bool:
    """Run it in a child; whether it died there. False: it had fewer statements, and came to its end."""
    child = os.fork()
    if child == 0:
        asyncio.run(work(file, number))
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status != 0


def at_every_point(
    directory: Path, work: Work, before: Path, right: Sequence[str], end: str
) -> Found:
    """Die before each statement; the file must then dump as one of `right`, and gone on with, as `end`."""
    found = Found(0, {})
    while True:
        file = directory / f"{work.__name__}-{found.points + 1}.db"
        if before.exists():
            shutil.copy(before, file)
        if not _died(work, file, found.points + 1):
            return found
        found.points += 1
        left, at_last = asyncio.run(_applied(file, MESSAGES))
        if left not in right:
            found.wrong[found.points] = "half of it was written"
        elif at_last != end:
            found.wrong[found.points] = "what came after it is not the same"


def main() -> None:
    """Both kinds of work, at every point."""
    directory = Path(sys.argv[1])
    before = directory / "before.db"
    _, half = asyncio.run(_applied(before, MESSAGES[:HALF]))
    empty, end = asyncio.run(_applied(directory / "whole.db", MESSAGES))
    found = {
        "a batch": at_every_point(directory, a_batch, before, (half, end), end),
        "the opening": at_every_point(directory, the_opening, directory / "none", (empty,), end),
    }
    (directory / FOUND).write_bytes(msgspec.json.encode(found))


MESSAGES = stream()
HALF = 60

if __name__ == "__main__":
    main()

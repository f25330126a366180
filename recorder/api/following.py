"""What follows a run as server-sent events: each thing once, silence as a heartbeat, and the run's end."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import TypeVar

from recorder.api import sse
from recorder.follow import Ended, Follower, Silence
from recorder.queries.events import Happened, Place
from schemas.problems import CursorExpired
from schemas.resources import RunEnded
from schemas.times import rfc3339

R = TypeVar("R")

CursorAt = Callable[[str, Place], str]


async def frames(
    follower: Follower[R], name: str, cursor_at: CursorAt, run_id: str
) -> AsyncGenerator[bytes, None]:
    """Breaks off where a reader is so slow that the events leave before it: it is told when it comes again.

    `name` is that of the frames, `cursor_at` spells their ids.
    """

    def spelled(happened: Happened[R]) -> bytes:
        """Once for all who follow."""
        if happened.frame is None:
            cursor = cursor_at(run_id, happened.resume_at)
            happened.frame = sse.frame(name, happened.resource, cursor)
        return happened.frame

    with suppress(CursorExpired):
        async with aclosing(_told(follower, spelled)) as told:
            async for frame in told:
                yield frame


async def _told(
    follower: Follower[R], spelled: Callable[[Happened[R]], bytes]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(follower.tell()) as tellings:
        async for told in tellings:
            match told:
                case Silence():
                    yield sse.frame("heartbeat", {"time": rfc3339(time.time_ns())})
                case Ended():
                    yield sse.frame("run.ended", _end(told))
                case _:
                    yield b"".join([spelled(each) for each in told])


def _end(told: Ended) -> RunEnded:
    run = told.run
    return RunEnded(
        run_id=run.id, status=run.status, finished_at=run.finished_at, failure=run.failure
    )

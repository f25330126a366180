"""One worker, as it is asked: a request, its answer, and the claims that say who has what."""

from __future__ import annotations

import asyncio

from recorder import cancelling
from recorder.bus import AnswerTimedOut, Bus, StreamUnreachable
from recorder.news import News
from recorder.queries.runs import find_course
from recorder.roster import Roster
from recorder.store import Store
from schemas import codec, subjects
from schemas.problems import StorageUnavailable
from schemas.requests import Answer, Claim, RunRequest, StartRun, StopRun

SHOWN_SECONDS = 2.0
LOOK_SECONDS = 0.5
SILENT_SECONDS = 8.0  # workers beat every two, and a busy one may be late


class Workers:
    """Asks them, and waits until this recorder's tables show what they did."""

    def __init__(self, bus: Bus, store: Store, news: News, roster: Roster) -> None:
        self._bus = bus
        self._store = store
        self._news = news
        self._roster = roster

    async def ask(
        self, worker_id: str, subject: str, request: StartRun | StopRun | RunRequest, seconds: float
    ) -> Answer:
        """A worker's answer. Raises NobodyAnswered, AnswerTimedOut.

        One whose beats stay away meanwhile is not waited for any longer: its host was cut off, for else NATS would
        know that nobody is there.
        """
        asking = asyncio.create_task(self._bus.request(subject, codec.encode(request), seconds))
        try:
            while not asking.done():
                await asyncio.wait({asking}, timeout=LOOK_SECONDS)
                if not asking.done() and self._roster.silence(worker_id) > SILENT_SECONDS:
                    raise AnswerTimedOut(f"{worker_id} is silent")
            return asking.result()
        finally:
            await cancelling.end([asking])

    async def show(self, position: int) -> None:
        """Wait until the tables show RUNS up to `position`. Raises StorageUnavailable."""
        await self._news.wait_until_shown(subjects.RUNS, position, SHOWN_SECONDS)

    async def is_claimed(self, runtime_id: str) -> bool:
        """Whether anybody has a runtime, or had it a moment ago. Raises StorageUnavailable."""
        return await self._bus.find_claim(runtime_id) is not None

    async def is_given_back(self, runtime_id: str, run_id: str) -> bool:
        """Whether that run has its runtime no more; where that cannot be read, it counts as having it."""
        try:
            claim = await self._bus.find_claim(runtime_id)
        except StorageUnavailable:
            return False
        return claim is None or claim.run_id != run_id

    async def find_live_claim(self, runtime_id: str) -> Claim | None:
        """The claim on a runtime. One whose run has ended means nothing any more, and is taken back.

        Raises StorageUnavailable.
        """
        claim = await self._bus.find_claim(runtime_id)
        if claim is None or not await self._has_ended(claim):
            return claim
        await self._bus.drop_claim(runtime_id, claim.run_id)
        return None

    async def space_has(self, space_id: str, count: int) -> bool:
        """Whether a space has so many active runtimes in the whole fleet. Raises StorageUnavailable."""
        try:
            held = await self._bus.claims.read()
        except StreamUnreachable as error:
            raise StorageUnavailable from error
        claims = [each.claim for each in held.values() if each.claim]
        theirs = [claim for claim in claims if claim.space_id == space_id]
        if len(theirs) < count:
            return False
        return len([claim for claim in theirs if not await self._has_ended(claim)]) >= count

    async def _has_ended(self, claim: Claim) -> bool:
        course = await find_course(self._store, claim.run_id)
        return course is not None and course.ended

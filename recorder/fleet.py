"""The workers: who is there, and what they are asked to do. Each request waits until the log shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from recorder.bus import AnswerTimedOut, Beat, Bus, NobodyAnswered
from recorder.liveness import Liveness
from recorder.news import News
from recorder.roster import Roster
from recorder.starts import NONE, Patience, Starts
from recorder.store import Store
from recorder.workers import Workers
from schemas import subjects
from schemas.problems import (
    ConnectionNotFound,
    InvocationNotFound,
    OutputSchemaInvalid,
    Problem,
    RateLimited,
    RequestInvalid,
    RequestTooLarge,
    RuntimeHostUnavailable,
    RuntimeNotActive,
    RuntimeNotExecutable,
    StorageUnavailable,
    TargetNotFound,
)
from schemas.requests import (
    Answer,
    Claim,
    Ingest,
    Invoke,
    ReconfigureRun,
    Refused,
    RunRequest,
    RunStarted,
    StopRun,
)
from schemas.resources import Runtime

log = structlog.get_logger()

STOP_SECONDS = 30.0
RUN_REQUEST_SECONDS = 15.0
PAUSE_SECONDS = 0.5
RETRY_SECONDS = 1


class Fleet:
    """The workers, as one asks them. `most_active`: how many runtimes one space may have at once, None any number."""

    def __init__(self, bus: Bus, store: Store, news: News, most_active: int | None = None) -> None:
        self._bus = bus
        self.roster = Roster()
        self._workers = Workers(bus, store, news, self.roster)
        self.liveness = Liveness()
        self._starts = Starts(self._workers, store, news, self.roster, most_active)

    async def watch(self) -> None:
        """Read every heartbeat, until cancelled; whatever goes wrong, watching begins again."""
        while True:
            try:
                async for beat in self._bus.heartbeats():
                    self._take(beat)
            except Exception:  # a fleet that nobody watches starts nothing, until somebody looks
                log.exception("fleet.watch_failed")
            await asyncio.sleep(PAUSE_SECONDS)

    def _take(self, beat: Beat) -> None:
        free = self.roster.free
        self.roster.read(beat)
        self.liveness.read(beat)
        self._starts.queue.changed(more_room=self.roster.free > free)

    @property
    def waiting(self) -> int:
        """How many starts wait for a place here."""
        return len(self._starts.queue)

    def close(self) -> None:
        """Whoever still waits for a place is told why there is none."""
        self._starts.queue.changed()

    async def start(self, runtime: Runtime, patience: Patience = NONE) -> RunStarted:
        """Have a worker start this runtime; the run it has already if it is active.

        Raises RuntimeHostUnavailable, RuntimeStartFailed, ConcurrentQuotaExceeded, ProfileInUse,
        StorageUnavailable.
        """
        return await self._starts.start(runtime, patience)

    async def is_active(self, runtime_id: str) -> bool:
        """Whether a worker has a run of this runtime, also one that is only launching. Raises StorageUnavailable."""
        return await self._workers.find_live_claim(runtime_id) is not None

    async def stop(self, runtime_id: str) -> str:
        """Have its worker stop this runtime's run; the run's id.

        Raises RuntimeNotActive, RuntimeHostUnavailable, StorageUnavailable.
        """
        claim = await self._get_live_claim(runtime_id)
        request = StopRun(runtime_id=runtime_id, run_id=claim.run_id)
        subject = subjects.stop_request(claim.worker_id)
        await self._ask_its_worker(claim, subject, request, STOP_SECONDS)
        return claim.run_id

    async def ask_run(
        self, runtime_id: str, request: Callable[[str], RunRequest]
    ) -> tuple[str, Answer]:
        """Ask the worker that has a runtime's run; the run's id, which `request` is made from, and the answer.

        Raises RuntimeNotActive, RuntimeHostUnavailable, StorageUnavailable, and what the worker refuses with:
        TargetNotFound, ConnectionNotFound, InvocationNotFound, RequestInvalid, RequestTooLarge, OutputSchemaInvalid,
        RateLimited, RuntimeNotExecutable.
        """
        claim = await self._get_live_claim(runtime_id)
        subject = subjects.run_request(claim.worker_id)
        asked = request(claim.run_id)
        return claim.run_id, await self._ask_its_worker(claim, subject, asked, RUN_REQUEST_SECONDS)

    async def reconfigure(self, runtime_id: str, idle_timeout_seconds: int | None) -> None:
        """Tell a runtime's active run how long it may go on with nobody attached; None: what its worker says.

        Does nothing where there is no active run. Raises RuntimeHostUnavailable, StorageUnavailable.
        """
        with suppress(RuntimeNotActive):
            await self.ask_run(
                runtime_id,
                lambda run_id: ReconfigureRun(
                    run_id=run_id, idle_timeout_seconds=idle_timeout_seconds
                ),
            )

    async def _get_live_claim(self, runtime_id: str) -> Claim:
        claim = await self._workers.find_live_claim(runtime_id)
        if claim is None:
            raise RuntimeNotActive
        return claim

    async def _ask_its_worker(
        self, claim: Claim, subject: str, request: StopRun | RunRequest, seconds: float
    ) -> Answer:
        """Its answer, once the tables show what it did. What would be done twice, were it asked for again, is answered
        all the same where they are behind.
        """
        try:
            answer = await self._workers.ask(claim.worker_id, subject, request, seconds)
        except (NobodyAnswered, AnswerTimedOut) as error:
            raise RuntimeHostUnavailable(
                f"The worker {claim.worker_id}, which runs this runtime, does not answer.",
                hint="If that host is gone for good, its run is ended once it counts as lost.",
            ) from error
        if isinstance(answer, Refused):
            raise _why_refused(answer)
        try:
            await self._workers.show(answer.position)
        except StorageUnavailable:
            if not isinstance(request, Invoke | Ingest):
                raise
        return answer


_REFUSALS = {
    problem.code: problem
    for problem in (
        TargetNotFound,
        ConnectionNotFound,
        InvocationNotFound,
        RequestInvalid,
        RequestTooLarge,
        OutputSchemaInvalid,
        RateLimited,
        RuntimeNotExecutable,
        StorageUnavailable,
    )
}


def _why_refused(answer: Refused) -> Problem:
    if answer.code == RuntimeNotActive.code:
        return RuntimeNotActive()
    if problem := _REFUSALS.get(answer.code):
        again = RETRY_SECONDS if problem is RateLimited else None
        return problem(answer.message, retry_after_seconds=answer.retry_after_seconds or again)
    return RuntimeHostUnavailable(answer.message, details={"code": answer.code})

"""Asks a worker to do something, and waits until the log shows it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from recorder.bus import AnswerTimedOut, Bus, NobodyAnswered
from recorder.liveness import Liveness
from recorder.news import News
from recorder.queries.runs import Course, find_course
from recorder.queries.runtimes import find_config
from recorder.roster import Roster
from recorder.store import Store
from schemas import codec, subjects
from schemas.ends import SPOOL_FULL
from schemas.problems import (
    Problem,
    RuntimeHostUnavailable,
    RuntimeNotActive,
    RuntimeStartFailed,
    StorageUnavailable,
)
from schemas.requests import Answer, Claim, Refused, RunStarted, StartRun, StopRun
from schemas.resources import Runtime

log = structlog.get_logger()

START_SECONDS = 35.0
STOP_SECONDS = 30.0
SHOWN_SECONDS = 2.0
PAUSE_SECONDS = 0.5


class Fleet:
    """The workers, as one asks them."""

    def __init__(self, bus: Bus, store: Store, news: News) -> None:
        self._bus = bus
        self._store = store
        self._news = news
        self.roster = Roster()
        self.liveness = Liveness()

    async def watch(self) -> None:
        """Read every heartbeat, until cancelled; whatever goes wrong, watching begins again."""
        while True:
            try:
                async for beat in self._bus.heartbeats():
                    self.roster.read(beat)
                    self.liveness.read(beat)
            except Exception:  # a fleet that nobody watches starts nothing, until somebody looks
                log.exception("fleet.watch_failed")
            await asyncio.sleep(PAUSE_SECONDS)

    async def start(self, runtime: Runtime) -> RunStarted:
        """Have a worker start this runtime; the run it has already if it is active.

        Raises RuntimeHostUnavailable, RuntimeStartFailed, StorageUnavailable.
        """
        if claim := await self._find_live_claim(runtime.id):
            return await self._joined(claim)
        request = StartRun(
            runtime_id=runtime.id,
            space_id=runtime.space_id,
            config=await find_config(self._store, runtime.id),
            profile=runtime.profile,
        )
        for worker in self.roster.with_room():
            if started := await self._start_on(worker.worker_id, request):
                return started
        raise RuntimeHostUnavailable

    async def stop(self, runtime_id: str) -> str:
        """Have its worker stop this runtime's run; the run's id.

        Raises RuntimeNotActive, RuntimeHostUnavailable, StorageUnavailable.
        """
        claim = await self._find_live_claim(runtime_id)
        if claim is None:
            raise RuntimeNotActive
        request = StopRun(runtime_id=runtime_id, run_id=claim.run_id)
        answer = await self._ask_its_worker(claim, request)
        if isinstance(answer, Refused):
            raise _why_not_stopped(answer)
        await self._show(answer.position)
        return claim.run_id

    async def _find_live_claim(self, runtime_id: str) -> Claim | None:
        """The claim on a runtime. One whose run has ended means nothing any more, and is taken back."""
        claim = await self._bus.find_claim(runtime_id)
        if claim is None:
            return None
        course = await find_course(self._store, claim.run_id)
        if course is None or not course.ended:
            return claim
        await self._bus.drop_claim(runtime_id, claim.run_id)
        return None

    async def _joined(self, claim: Claim) -> RunStarted:
        await self._check_opened(claim.run_id)
        return RunStarted(
            run_id=claim.run_id, gateway_url=claim.gateway_url, position=0, started=False
        )

    async def _start_on(self, worker_id: str, request: StartRun) -> RunStarted | None:
        """The run, or None when another worker should be asked."""
        try:
            answer = await self._ask(subjects.start_request(worker_id), request, START_SECONDS)
        except NobodyAnswered:
            log.warning("fleet.nobody_answered", worker=worker_id)
            return None
        except AnswerTimedOut as error:
            await self._refuse_if_claimed(request.runtime_id)
            log.warning("fleet.answer_timed_out", worker=worker_id, reason=str(error))
            return None
        if isinstance(answer, RunStarted):
            await self._show(answer.position)
            await self._check_opened(answer.run_id)
            return answer
        with suppress(StorageUnavailable):  # why it refused matters more
            await self._show(answer.position)
        if isinstance(answer, Refused) and _is_for_another(answer):
            log.info("fleet.refused", worker=worker_id, reason=answer.message)
            return None
        raise _why_not_started(answer)

    async def _refuse_if_claimed(self, runtime_id: str) -> None:
        """A worker that is late may be starting it all the same: no other one is asked."""
        if await self._bus.find_claim(runtime_id) is not None:
            raise _not_in_time()

    async def _ask_its_worker(self, claim: Claim, request: StopRun) -> Answer:
        try:
            return await self._ask(subjects.stop_request(claim.worker_id), request, STOP_SECONDS)
        except (NobodyAnswered, AnswerTimedOut) as error:
            raise RuntimeHostUnavailable(
                f"The worker {claim.worker_id}, which runs this runtime, does not answer.",
                hint="If that host is gone for good, its run is ended once it counts as lost.",
            ) from error

    async def _ask(self, subject: str, request: StartRun | StopRun, seconds: float) -> Answer:
        return await self._bus.request(subject, codec.encode(request), seconds)

    async def _show(self, position: int) -> None:
        await self._news.wait_until_shown(subjects.RUNS, position, SHOWN_SECONDS)

    async def _check_opened(self, run_id: str) -> None:
        """Wait until a run is ready. Raises RuntimeStartFailed when it ends or takes too long."""
        try:
            async with asyncio.timeout(START_SECONDS):
                course = await self._opened(run_id)
        except TimeoutError:
            raise _not_in_time() from None
        if course.ended:
            raise RuntimeStartFailed(course.end_message, details={"code": course.end_code})

    async def _opened(self, run_id: str) -> Course:
        """How far a run is, once it is no longer only being launched."""
        with self._news.bell(run_id) as bell:
            while not self._news.closed:
                bell.clear()
                course = await find_course(self._store, run_id)
                if course is not None and (course.ready or course.ended):
                    return course
                await bell.wait()
        raise _not_in_time()


def _not_in_time() -> Problem:
    return RuntimeStartFailed(
        "The worker has not finished starting the browser in time.",
        hint="It may still become active: look at the runtime again.",
    )


def _is_for_another(answer: Refused) -> bool:
    """Whether that worker has no room, and opened no run. Its heartbeat may not say so yet."""
    return answer.position == 0 and answer.code in (RuntimeHostUnavailable.code, SPOOL_FULL.code)


def _why_not_started(answer: Answer) -> Problem:
    if isinstance(answer, Refused):
        return RuntimeStartFailed(answer.message, details={"code": answer.code})
    return RuntimeStartFailed("The worker gave an answer that does not belong to a start.")


def _why_not_stopped(answer: Refused) -> Problem:
    if answer.code == RuntimeNotActive.code:
        return RuntimeNotActive()
    return RuntimeHostUnavailable(answer.message, details={"code": answer.code})

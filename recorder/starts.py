"""Starts: which worker is asked, who is refused, and who waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from msgspec import Struct

from recorder.bus import AnswerTimedOut, NobodyAnswered
from recorder.line import NoTurn, Queue, Turn
from recorder.news import News
from recorder.placement import candidates, why_none
from recorder.queries.runs import Course, find_course
from recorder.queries.runtimes import get_setup
from recorder.roster import Roster
from recorder.store import Store
from recorder.workers import Workers
from schemas import subjects
from schemas.ends import SPOOL_FULL
from schemas.problems import (
    ConcurrentQuotaExceeded,
    Problem,
    ProfileInUse,
    RuntimeHostUnavailable,
    RuntimeStartFailed,
    StorageUnavailable,
)
from schemas.requests import Answer, Claim, Refused, RunStarted, StartRun
from schemas.resources import Runtime

log = structlog.get_logger()

START_SECONDS = 35.0
LOOK_SECONDS = 0.5  # whether a claim still stands, while one waits for its run


async def never() -> None:
    """Wait for ever."""
    await asyncio.get_running_loop().create_future()


class Patience(Struct, frozen=True):
    """How long a start may wait for a place, and what ends when whoever asked for it has hung up."""

    seconds: float = 0.0
    gone: Callable[[], Awaitable[None]] = never


NONE = Patience()


class Starts:
    """Starts runtimes. `most_active` is how many one space may have at the same time; None: any number."""

    def __init__(
        self, workers: Workers, store: Store, news: News, roster: Roster, most_active: int | None
    ) -> None:
        self._workers = workers
        self._store = store
        self._news = news
        self._roster = roster
        self._most_active = most_active
        self._under_way: dict[str, asyncio.Event] = {}  # by runtime; set once that start is over
        self.queue = Queue()

    async def start(self, runtime: Runtime, patience: Patience = NONE) -> RunStarted:
        """Have a worker start this runtime; the run it has already if it is active.

        Raises RuntimeHostUnavailable, RuntimeStartFailed, ConcurrentQuotaExceeded, ProfileInUse,
        RuntimeNotFound, StorageUnavailable.
        """
        if patience.seconds <= 0:
            return await self._start(await self._request(runtime), NoTurn())
        with self.queue.joined(runtime.space_id) as turn:
            return await self._start_in_turn(runtime, patience, turn)

    async def _request(self, runtime: Runtime) -> StartRun:
        """What a worker is asked: the runtime as it is set up now, which may change while one waits."""
        setup = await get_setup(self._store, runtime.id)
        return StartRun(
            runtime_id=runtime.id,
            space_id=runtime.space_id,
            config=setup.config,
            profile=setup.profile,
            space_limit=self._most_active,
            egress_allow=setup.egress_allow,
        )

    async def _start_in_turn(self, runtime: Runtime, patience: Patience, turn: Turn) -> RunStarted:
        """Try whenever it is our turn, until the time is up; then why it did not work is raised."""
        until = time.monotonic() + patience.seconds
        problem: Problem = why_none(self._roster.hosts(), await self._request(runtime))
        self.queue.changed()
        while await turn.wait(until - time.monotonic(), patience.gone) and not self._news.closed:
            try:
                return await self._start(await self._request(runtime), turn)
            except Problem as raised:
                if not _may_pass(raised):
                    raise
                problem = raised
            turn.over()
        raise problem

    async def _start(self, request: StartRun, turn: NoTurn) -> RunStarted:
        """One start of a runtime at a time; who comes meanwhile joins it, and needs no place."""
        if under_way := self._under_way.get(request.runtime_id):
            turn.joins()
            await under_way.wait()
        over = self._under_way.setdefault(request.runtime_id, asyncio.Event())
        try:
            return await self._join_or_start(request, turn)
        finally:
            over.set()
            self._under_way.pop(request.runtime_id, None)

    async def _join_or_start(self, request: StartRun, turn: NoTurn) -> RunStarted:
        if joined := await self._join(request.runtime_id, turn):
            return joined
        await self._check_quota(request)
        try:
            return await self._find_and_ask(request, turn)
        except RuntimeHostUnavailable:
            # The last place may have gone to this very runtime, by another recorder: a worker claims before it refuses.
            if joined := await self._join(request.runtime_id, turn):
                return joined
            raise

    async def _join(self, runtime_id: str, turn: NoTurn) -> RunStarted | None:
        """The run that it has already, or that somebody is starting."""
        if claim := await self._workers.find_live_claim(runtime_id):
            turn.joins()
            return await self._joined(claim, runtime_id)
        return None

    async def _find_and_ask(self, request: StartRun, turn: NoTurn) -> RunStarted:
        """`turn` is told once a worker was found, before it is asked; it may say no."""
        refused: dict[str, str] = {}
        while worker_id := self._find_worker(request, refused):
            if not turn.placed():
                break
            self._roster.sent(worker_id)
            answer = await self._start_on(worker_id, request)
            if isinstance(answer, RunStarted):
                if not answer.started:
                    self._roster.not_taken(worker_id)
                return answer
            if answer is None:
                self._roster.not_taken(worker_id)
            else:
                refused[worker_id] = answer
        raise _why_refused_by_all(refused) if refused else why_none(self._roster.hosts(), request)

    async def _check_quota(self, request: StartRun) -> None:
        """The fast answer; the worker asks again once it has claimed, when all recorders' starts are in order."""
        most = self._most_active
        if most is not None and await self._workers.space_has(request.space_id, most):
            raise ConcurrentQuotaExceeded(details={"limit": most})

    def _find_worker(self, request: StartRun, refused: dict[str, str]) -> str | None:
        for host in candidates(self._roster.hosts(), request):
            if host.heartbeat.worker_id not in refused:
                return host.heartbeat.worker_id
        return None

    async def _joined(self, claim: Claim, runtime_id: str) -> RunStarted | None:
        if not await self._is_opened(claim.run_id, runtime_id):
            return None
        return RunStarted(
            run_id=claim.run_id, gateway_url=claim.gateway_url, position=0, started=False
        )

    async def _start_on(self, worker_id: str, request: StartRun) -> RunStarted | str | None:
        """The run, or why another worker should be asked. None: somebody else's start came to nothing meanwhile."""
        try:
            answer = await self._workers.ask(
                worker_id, subjects.start_request(worker_id), request, START_SECONDS
            )
        except NobodyAnswered:
            log.warning("fleet.nobody_answered", worker=worker_id)
            return "it does not answer"
        except AnswerTimedOut as error:
            await self._refuse_if_claimed(request.runtime_id)
            log.warning("fleet.answer_timed_out", worker=worker_id, reason=str(error))
            return "it does not answer in time"
        if isinstance(answer, RunStarted):
            await self._workers.show(answer.position)
            return answer if await self._is_opened(answer.run_id, request.runtime_id) else None
        if isinstance(answer, Refused) and answer.position:
            with suppress(StorageUnavailable):  # why it refused matters more
                await self._workers.show(answer.position)
        if isinstance(answer, Refused) and _is_for_another(answer):
            log.info("fleet.refused", worker=worker_id, reason=answer.message)
            return answer.message
        raise _why_not_started(answer)

    async def _refuse_if_claimed(self, runtime_id: str) -> None:
        """A worker that is late may be starting it all the same: no other one is asked."""
        if await self._workers.is_claimed(runtime_id):
            raise _not_in_time()

    async def _is_opened(self, run_id: str, runtime_id: str) -> bool:
        """Wait until a run is ready; False where its claim was given back before it began.

        Raises RuntimeStartFailed when it ends or takes too long.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                course = await self._opened(run_id, runtime_id)
        except TimeoutError:
            raise _not_in_time() from None
        if course is not None and course.ended:
            raise RuntimeStartFailed(course.end_message, details={"code": course.end_code})
        return course is not None

    async def _opened(self, run_id: str, runtime_id: str) -> Course | None:
        """How far a run is, once it is no longer only being launched. None: it never began, and nobody claims it."""
        with self._news.bell(run_id) as bell:
            while not self._news.closed:
                bell.clear()
                course = await find_course(self._store, run_id)
                if course is not None and (course.ready or course.ended):
                    return course
                if course is None and await self._workers.is_given_back(runtime_id, run_id):
                    return None
                with suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), LOOK_SECONDS)
        raise _not_in_time()


def _may_pass(problem: Problem) -> bool:
    """Whether it is only that there is no place now."""
    if isinstance(problem, RuntimeStartFailed):
        return False
    return isinstance(problem, RuntimeHostUnavailable | ConcurrentQuotaExceeded)


def _not_in_time() -> Problem:
    return RuntimeStartFailed(
        "The worker has not finished starting the browser in time.",
        hint="It may still become active: look at the runtime again.",
    )


def _is_for_another(answer: Refused) -> bool:
    """Whether that worker has no room, and opened no run. Its heartbeat may not say so yet."""
    return answer.position == 0 and answer.code in (RuntimeHostUnavailable.code, SPOOL_FULL.code)


def _why_refused_by_all(refused: dict[str, str]) -> Problem:
    reasons = "; ".join(f"{worker_id}: {reason}" for worker_id, reason in refused.items())
    return RuntimeHostUnavailable(f"No worker takes this runtime now. {reasons}")


def _why_not_started(answer: Answer) -> Problem:
    if not isinstance(answer, Refused):
        return RuntimeStartFailed("The worker gave an answer that does not belong to a start.")
    for problem in (ConcurrentQuotaExceeded, ProfileInUse):
        if answer.code == problem.code:
            return problem(answer.message)
    return RuntimeStartFailed(answer.message, details={"code": answer.code})

"""The worker on one machine: takes requests to start and stop runtimes, shows that it is alive, drains."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import structlog
from uuid_utils import uuid7

from schemas import ends, requests, subjects
from schemas.problems import ProfileInUse, RequestInvalid, RuntimeHostUnavailable, RuntimeNotActive
from schemas.requests import (
    Answer,
    Claim,
    Draining,
    Refused,
    RunStarted,
    RunStopped,
    StartRun,
    StopRun,
)
from worker.background import Background
from worker.bus import Bus, until_done
from worker.claims import Doubts, Left, end_left, left_runs, unclaimed
from worker.drain import Drain
from worker.files.left import left_files
from worker.files.uploads import Uploads
from worker.heartbeat import Busy, HostFacts, heartbeat
from worker.outbox import Entry, Outbox
from worker.profiles.profile import Profile, Profiles, Wanted
from worker.publisher import LinkDown
from worker.pulse import Pulse
from worker.refusals import NO_PLACE, SPOOL_IS_FULL, TOO_MANY, allowed_by, decode
from worker.run_log import RunLog
from worker.run_requests import RunRequests
from worker.runtime import LaunchFailed, Runtime
from worker.tools.tools import Tools
from worker.warm import Browsers

log = structlog.get_logger(__name__)

BEAT_SECONDS = 2.0


class Host:
    """All runtimes of this worker."""

    def __init__(
        self,
        bus: Bus,
        outbox: Outbox,
        browsers: Browsers,
        facts: HostFacts,
        *,
        profiles: Profiles,
        uploads: Uploads,
        tools: Tools,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._bus = bus
        self._outbox = outbox
        self._browsers = browsers
        self._facts = facts
        self._profiles = profiles
        self._uploads = uploads
        self._tools = tools
        self._runtimes: dict[str, Runtime] = {}
        self._active = 0  # from before its claim is asked for until its end is in the log
        self._background = Background()
        self._background.include(browsers.background)
        self._background.include(profiles.background)
        self._background.include(uploads.background)
        self._doubts = Doubts()
        self._pulse = Pulse(bus, now_ns)
        self._draining = False
        self._drain = Drain()
        self._changed = asyncio.Event()

    def find_run(self, run_id: str) -> Runtime | None:
        """The run with that id, while it is active."""
        runtime = self._runtimes.get(run_id)
        return runtime if runtime is not None and runtime.is_open else None

    async def serve(self) -> None:
        """End what an earlier worker left, then answer requests and beat until cancelled.

        Raises what no part of it should have raised.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._background.failed())
            await until_done(self._end_what_was_left)
            worker_id = self._facts.worker_id
            await self._bus.answer(subjects.start_request(worker_id), self._on_start)
            await self._bus.answer(subjects.stop_request(worker_id), self._on_stop)
            requests = RunRequests(self, self._outbox, self._facts.gateway_url, self._tools)
            await self._bus.answer(subjects.run_request(worker_id), requests.answer)
            await self._bus.answer(subjects.drain_request(worker_id), self._on_drain)
            group.create_task(self._browsers.keep_warm())
            group.create_task(self._tell_changes())
            group.create_task(self._look_at_claims())
            await self._look_after()

    async def _look_after(self) -> NoReturn:
        """Every two seconds, and as soon as NATS is back."""
        while True:
            self._outbox.look_for_room()
            await self._beat()
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._bus.reconnected.wait()
            self._bus.reconnected.clear()

    async def _look_at_claims(self) -> NoReturn:
        while True:
            await self._stop_what_was_lost()
            await asyncio.sleep(BEAT_SECONDS)

    async def _tell_changes(self) -> NoReturn:
        """How many places are taken, recorders should know before the next start."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._beat()

    def ask_to_leave(self, seconds: int) -> None:
        """Take nothing new; what still runs after so many seconds, ends. Who asks again sets another time."""
        log.info("worker.drain_asked", deadline_seconds=seconds)
        self._drain.ask(seconds)
        self._background.start(self._browsers.close())
        self._changed.set()  # which tells the recorders

    async def asked_to_leave(self) -> None:
        """Wait until somebody asks us to drain, and then until every run has ended or the time is up."""
        await self._drain.wait(self._is_empty)

    async def drain(self) -> None:
        """Take nothing new, end every run, and wait until the stream has it all.

        `serve` should go on meanwhile: of a host that is silent, the runs would be ended as lost.
        """
        self._draining = True
        runtimes = list(self._runtimes.values())
        await asyncio.gather(
            self._beat(),  # which takes its time while NATS is away
            self._browsers.close(),
            *(runtime.stop(ends.HOST_DRAINED) for runtime in runtimes),
        )
        await self._drain.emptied(self._is_empty)  # also of starts that were on their way
        await self._background.finished()
        await self._profiles.finished()
        await self._tools.stop()

    def hurry(self, seconds: float) -> None:
        """Give up what is not saved of a profile by then: we are waited for."""
        self._profiles.hurry(seconds)
        self._uploads.hurry(seconds)

    async def emptied(self) -> None:
        """Wait until the artifact store has every file, and the stream every event."""
        await self._uploads.background.finished()
        await self._outbox.emptied()

    def _is_empty(self) -> bool:
        return self._active == 0

    async def leave(self) -> None:
        """Take the heartbeat off, once nothing beats any more."""
        await self._bus.unregister(self._facts.worker_id)

    # requests

    async def _on_start(self, body: bytes) -> Answer:
        try:
            request = decode(body, StartRun)
            return await self._start(request)
        except (RequestInvalid, ProfileInUse) as problem:
            return Refused(code=problem.code, message=problem.message)
        except LinkDown as error:
            return Refused(code=RuntimeHostUnavailable.code, message=str(error))

    async def _start(self, request: StartRun) -> Answer:
        has_room = self._active < self._facts.capacity
        refusal = self._find_refusal() if has_room else NO_PLACE
        if refusal is not None:
            return refusal
        self._active += 1
        self._changed.set()
        run_id = str(uuid7())
        taken: Answer | Runtime | None = None
        try:
            taken = await self._take(request, run_id)
        finally:  # also where the answer to the claim was lost: it may stand
            if not isinstance(taken, Runtime):
                self._give_back(request.runtime_id, run_id)
        if not isinstance(taken, Runtime):
            return taken
        with self._browsers.start_in_progress():
            return await self._launch(taken)

    async def _take(self, request: StartRun, run_id: str) -> Answer | Runtime:
        """Claim the runtime and hold its profile, for a run that then has the place; else what to answer.

        Raises ProfileInUse, LinkDown.
        """
        standing = await self._bus.claim(request.runtime_id, self._claim(request, run_id))
        if standing is not None:
            return RunStarted(
                run_id=standing.run_id,
                gateway_url=standing.gateway_url,
                position=0,
                started=False,
            )
        refusal = await self._find_excess(request)
        refusal = refusal or self._find_refusal()  # which may have changed since we asked
        if refusal is not None:
            return refusal
        wanted = Wanted.by(request, run_id)
        # After the claim, which says for how long the hold counts.
        profile = await self._profiles.hold(wanted) if wanted else None
        return self._find_refusal() or self._new_runtime(request, run_id, profile)

    def _find_refusal(self) -> Refused | None:
        """Why nothing new is taken now, if so."""
        if self._draining or self._drain.asked:
            return NO_PLACE
        return SPOOL_IS_FULL if self._outbox.is_full else None

    async def _find_excess(self, request: StartRun) -> Refused | None:
        """Whether its space has too many active runtimes with this one, which is claimed already: so claims have an
        order, and of two workers that start one too many exactly one refuses.
        """
        if request.space_limit is None:
            return None
        try:
            rank = await self._bus.rank(request.runtime_id, request.space_id)
        except LinkDown as error:
            return Refused(code=RuntimeHostUnavailable.code, message=str(error))
        return TOO_MANY if rank > request.space_limit else None

    def _give_back(self, runtime_id: str, run_id: str) -> None:
        """A place, and a claim that may be ours, of which nothing became."""
        self._free_place()
        self._background.start(self._until_released(runtime_id, run_id))

    def _free_place(self) -> None:
        self._active -= 1
        self._changed.set()
        self._drain.look_again()

    def _claim(self, request: StartRun, run_id: str) -> Claim:
        return Claim(
            worker_id=self._facts.worker_id,
            run_id=run_id,
            space_id=request.space_id,
            gateway_url=self._facts.gateway_url,
        )

    def _new_runtime(self, request: StartRun, run_id: str, profile: Profile | None) -> Runtime:
        runtime = Runtime(
            self._run_log(run_id, request.runtime_id, request.space_id),
            self._browsers.take(request.config, run_id, keeps_profile=profile is not None),
            config=request.config,
            clear_away=self._browsers.clear_away,
            on_ended=self._on_ended,
            uploads=self._uploads,
            profile=profile,
            egress_allow=allowed_by(request),
        )
        self._background.include(runtime.background)
        self._runtimes[run_id] = runtime
        return runtime

    async def _launch(self, runtime: Runtime) -> Answer:
        run_id, runtime_id = runtime.log.run_id, runtime.log.runtime_id
        try:
            ready = await runtime.start(self._facts.gateway_url, self._pulse.clock_skew_ms)
        except LaunchFailed as error:
            log.error("runtime.launch_failed", run_id=run_id, reason=str(error))
            ended: Entry = runtime.ended.result()
            position = await self._outbox.acknowledged(ended)
            return Refused(code=error.end.code, message=str(error), position=position)
        except Exception as error:  # its first event was not written: nothing has begun
            log.error("runtime.not_begun", run_id=run_id, reason=str(error))
            del self._runtimes[run_id]
            self._background.start(self._browsers.clear_away(runtime.browser))
            self._give_back(runtime_id, run_id)
            if isinstance(error, OSError):
                return SPOOL_IS_FULL
            raise
        log.info("runtime.started", run_id=run_id, runtime_id=runtime_id)
        position = await self._outbox.acknowledged(ready)
        return RunStarted(
            run_id=run_id,
            gateway_url=self._facts.gateway_url,
            position=position,
            started=True,
        )

    async def _on_stop(self, body: bytes) -> Answer:
        try:
            request = decode(body, StopRun)
        except RequestInvalid as problem:
            return Refused(code=problem.code, message=problem.message)
        runtime = self._runtimes.get(request.run_id)
        if runtime is None:
            return Refused(
                code=RuntimeNotActive.code, message="This worker does not have that run."
            )
        await runtime.stop(ends.REQUESTED)
        position = await self._outbox.acknowledged(runtime.ended.result())
        # Here too, so that the next start counts right; where NATS is away it is done later.
        with suppress(LinkDown):
            await self._bus.release(runtime.log.runtime_id, request.run_id)
        return RunStopped(run_id=request.run_id, position=position)

    async def _on_drain(self, body: bytes) -> Answer:
        try:
            request = decode(body, requests.Drain)
        except RequestInvalid as problem:
            return Refused(code=problem.code, message=problem.message)
        self.ask_to_leave(request.deadline_seconds)
        await self._beat()  # so that who asked sees it, once answered
        return Draining(active=self._active)

    # ends

    def _on_ended(self, runtime: Runtime, entry: Entry) -> None:
        """A run is over: its place is free, and its claim goes once the stream has its last event."""
        self._runtimes.pop(runtime.log.run_id, None)
        self._free_place()
        log.info("runtime.ended", run_id=runtime.log.run_id, passed_over=runtime.passed_over)
        self._background.start(self._release(runtime.log, entry))

    async def _release(self, run_log: RunLog, entry: Entry) -> None:
        await self._outbox.acknowledged(entry)
        await self._until_released(run_log.runtime_id, run_log.run_id)

    async def _until_released(self, runtime_id: str, run_id: str) -> None:
        await until_done(lambda: self._bus.release(runtime_id, run_id))

    async def _stop_what_was_lost(self) -> None:
        """A run whose claim is gone was ended by a recorder, which held us for lost: its browser has to go."""
        try:
            missed = await unclaimed(self._bus, list(self._runtimes.values()))
        except LinkDown:  # it says nothing of the claims that NATS cannot be asked
            self._doubts.forget()
            return
        for run_id in self._doubts.confirmed(missed):
            runtime = self._runtimes.get(run_id)
            if runtime is not None:  # else it has ended meanwhile, and gave the claim back itself
                log.warning("runtime.claim_lost", run_id=run_id)
                self._background.start(runtime.stop(ends.HOST_LOST))

    async def _end_what_was_left(self) -> None:
        """Runs that this worker held when it died are over: say so, after all that they had numbered."""
        # Nothing is written before all is known: what NATS interrupts is done again from the start.
        worker_id = self._facts.worker_id
        runs = await left_runs(self._bus, self._outbox, worker_id)
        files = await left_files(self._bus, self._outbox, worker_id, self._uploads.disk)
        logs: dict[str, RunLog] = {}  # one a run: it gives the numbers
        for left in runs:
            claim = left.claim
            run_log = self._run_log(claim.run_id, left.runtime_id, claim.space_id, last=left.last)
            logs[claim.run_id] = run_log
            self._background.start(self._end_left(run_log, left))
        for each in files:
            file = each.file
            if file.run_id not in logs:
                ids = (file.run_id, file.runtime_id, file.space_id)
                logs[file.run_id] = self._run_log(*ids, last=each.last)
            self._uploads.resume(file, logs[file.run_id])

    async def _end_left(self, run_log: RunLog, left: Left) -> None:
        await end_left(left, run_log, self._outbox)
        await self._until_released(run_log.runtime_id, run_log.run_id)

    def _run_log(self, run_id: str, runtime_id: str, space_id: str, last: int = 0) -> RunLog:
        return RunLog(
            self._outbox,
            worker_id=self._facts.worker_id,
            run_id=run_id,
            runtime_id=runtime_id,
            space_id=space_id,
            last=last,
        )

    # life

    async def _beat(self) -> None:
        draining = self._draining or self._drain.asked
        busy = Busy(self._active, self._browsers.waiting, draining)
        sandbox = self._browsers.setup.sandbox
        await self._pulse.send(heartbeat(self._facts, busy, sandbox, self._outbox, self._uploads))

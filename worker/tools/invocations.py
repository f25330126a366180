"""The invocations of one run: one after the other, each told as a command with its steps, and ended with the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog
from msgspec import UNSET, Struct, field

from schemas.actions import Action, Batch, Extract, Navigate, Reload, Step, name_of
from schemas.ends import End
from schemas.problems import (
    InvocationNotFound,
    RateLimited,
    RuntimeNotActive,
    RuntimeNotExecutable,
    ServerError,
)
from schemas.requests import Invoke, Refused
from schemas.types import JSON_LIMIT_BYTES
from worker.background import Background
from worker.fact import Fact
from worker.files.run_files import NotKept
from worker.outbox import Entry
from worker.tools import actions, failures
from worker.tools.doing import Doing, Made, Place
from worker.tools.driver import Driver, DriverUnavailable
from worker.tools.extraction import Extraction
from worker.tools.failures import Failed, Failure
from worker.tools.queue import MOST_WAITING, Queue
from worker.tools.session import NO_PAGE, Session
from worker.tools.telling import Output, Teller, as_json

if TYPE_CHECKING:
    from playwright.async_api import Page

log = structlog.get_logger(__name__)

# What waits for its turn is given up after this; its own time-out counts from its turn.
MOST_WAIT_SECONDS = 1800.0
# Playwright's time-outs, and ours of what it has none for, come before this.
LAST_SECONDS = 2.0
# All that a connection may take: the driver's start, a second try, pages that are stuck.
CONNECT_SECONDS = 60.0
REST_SECONDS = 60.0

NOT_ACTIVE = Refused(code=RuntimeNotActive.code, message="The run is over.")
UNKNOWN = Refused(code=InvocationNotFound.code, message="This run has no such invocation.")
FULL = Refused(code=RateLimited.code, message=f"{MOST_WAITING} invocations wait already.")
CANCELLED = Failure("cancelled", "invocation.cancelled", "It was cancelled.")
LOST = "The driver of hosted actions, or its connection, was lost in the middle: how far it came, nobody knows."
BROKEN = Failure("failed", ServerError.code, "The worker failed to do it; its log says why.")
WAITED = Failure("timed_out", failures.TIMED_OUT, "Its turn did not come in time.")


class Job(Struct, eq=False):
    """An invocation, from when it is asked for to its end."""

    request: Invoke
    teller: Teller
    entry: Entry
    task: asyncio.Task[Output] | None = None
    giving_up: asyncio.TimerHandle | None = None
    artifact_ids: list[str] = field(default_factory=list)


class _Found(Struct):
    """The page that a step is done on, once it is found."""

    page_id: str | None = None


class Told(Protocol):
    """Where it is told."""

    def __call__(self, fact: Fact) -> Entry | None:
        """Write it; None where the run is over."""


class Invocations:
    """A part of a run (`worker.part`). `busy` is told whether there is anything to do."""

    def __init__(
        self,
        session: Session,
        driver: Driver,
        place: Place,
        *,
        record: Told,
        busy: Callable[[bool], None],
        on_end: Callable[[], Awaitable[None]],
    ) -> None:
        self._session = session
        self._driver = driver
        self._place = place
        self._record = record
        self._wanted = place.wanted
        self._busy = busy
        self._on_end = on_end
        self._queue: Queue[Job, Entry] = Queue()
        self._ended = False
        self._over = asyncio.Event()
        self._resting: asyncio.TimerHandle | None = None
        self.background = Background()

    @property
    def is_connected(self) -> bool:
        """Whether the next one need not wait for the driver."""
        return self._session.is_connected

    # what is asked

    def invoke(self, request: Invoke) -> Entry | Refused:
        """Take it, or say why not; the event that says that it waits. Asked again, it is the same event."""
        known = self._queue.find(request.invocation_id)
        entry = known.entry if known else self._queue.left_of(request.invocation_id)
        if entry is not None:
            return entry
        if self._queue.is_full:
            return FULL
        try:
            _refuse_unreadable(request.invocation)
        except Failed as failed:
            return Refused(code=failed.code, message=failed.message)
        return self._add(request)

    def cancel(self, invocation_id: str) -> Entry | Refused | None:
        """Give it up; the event that says so. None: it is over already, or will be in a moment."""
        place = self._queue.place(invocation_id)
        if place == "unknown":
            return UNKNOWN
        job = self._queue.find(invocation_id)
        if job is None or job.teller.is_over:
            return None
        if place == "waiting":
            return self._finish(job, CANCELLED)
        if job.task is None or job.task.cancelling():
            return None
        job.task.cancel()
        return job.teller.cancelling()

    def _add(self, request: Invoke) -> Entry | Refused:
        teller = Teller(self._record, request, self._wanted)
        entry = None if self._ended else teller.queued()
        if entry is None:
            return NOT_ACTIVE
        job = Job(request, teller, entry)
        was_idle = self._queue.is_idle
        self._queue.add(request.invocation_id, job)
        loop = asyncio.get_running_loop()
        job.giving_up = loop.call_later(MOST_WAIT_SECONDS, self._finish, job, WAITED)
        if was_idle:
            self._busy(True)
            self.background.start(self._work())
        return entry

    def _finish(self, job: Job, failure: Failure) -> Entry | None:
        if job.giving_up is not None:
            job.giving_up.cancel()
        entry = job.teller.failed(failure, job.artifact_ids)
        self._queue.end(job.request.invocation_id, job.entry)
        return entry

    # what is done

    async def _work(self) -> None:
        """All that waits, one after the other."""
        while (job := self._queue.begin_next()) is not None:
            try:
                await self._carry_out(job)
            except Exception as error:  # of this one only; the worker has other runs
                log.error("invocation.broke", exc_info=error)
                self._finish(job, BROKEN)
        self._busy(False)
        if self._resting is not None:
            self._resting.cancel()
        if not self._ended:
            self._resting = asyncio.get_running_loop().call_later(REST_SECONDS, self._rest)

    async def _carry_out(self, job: Job) -> None:
        if job.giving_up is not None:
            job.giving_up.cancel()
        job.teller.started()
        job.task = asyncio.create_task(self._do(job))
        await asyncio.wait({job.task})
        self._settle(job, job.task)

    def _rest(self) -> None:
        """Nobody has asked for anything for a while: new pages need not wait for Playwright to look at them."""
        if self._queue.is_idle:
            self.background.start(self._session.close())

    def _settle(self, job: Job, task: asyncio.Task[Output]) -> None:
        failure = _failure_of(task)
        if failure is None:
            job.teller.finished(task.result())
        else:
            job.teller.failed(failure, job.artifact_ids)
        self._queue.end(job.request.invocation_id, job.entry)

    async def _do(self, job: Job) -> Output:
        """Raises Failed, NotKept, DriverUnavailable."""
        action = job.request.invocation
        await self._connected()  # takes a moment, the first time: that is not the action's
        deadline = asyncio.get_running_loop().time() + action.limit_ms / 1000
        if isinstance(action, Batch):
            output = await self._do_all(job, action, deadline)
        else:
            output = await self._do_step(job, 1, action, deadline)
        return msgspec.structs.replace(output, artifact_ids=job.artifact_ids)

    async def _connected(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._session.connected()
        except TimeoutError as error:
            raise DriverUnavailable("Playwright does not connect in time.") from error

    async def _do_all(self, job: Job, batch: Batch, deadline: float) -> Output:
        steps = []
        for number, step in enumerate(batch.actions, 1):
            own = asyncio.get_running_loop().time() + step.limit_ms / 1000
            try:
                output = await self._do_step(job, number, step, min(own, deadline), batch.target_id)
            except Failed as failed:
                where = {"step": number, "action": name_of(step)}
                raise Failed(
                    failed.code, failed.message, where | (failed.details or {})
                ) from failed
            steps.append({"action": name_of(step)} | _summary(output))
            job.teller.progress(number, len(batch.actions))
        return await self._output(job, "batch", {"steps": steps}, deadline)

    async def _do_step(
        self, job: Job, number: int, action: Step, deadline: float, target_id: str | None = None
    ) -> Output:
        job.teller.step_started(number, action)
        made_before = len(job.artifact_ids)
        async with self._explaining(deadline) as found:
            page_id, page = await self._page_for(action, action.target_id or target_id)
            found.page_id = page_id
            do = Doing(page, page_id, self._session, self._place, deadline, job.request.files)
            made = await actions.perform(do, action)
        value = await self._kept(job, made, page_id) if isinstance(made, Made) else made
        output = await self._output(job, name_of(action), value, deadline)
        output = msgspec.structs.replace(output, artifact_ids=job.artifact_ids[made_before:])
        job.teller.step_finished(output, page_id)
        return output

    async def _page_for(self, action: Action, target_id: str | None) -> tuple[str, Page]:
        try:
            return await self._session.page(target_id)
        except Failed as failed:
            if failed.code == NO_PAGE and target_id is None and isinstance(action, Navigate):
                return await self._session.new_page()
            if failed.code == failures.PAGE_CRASHED and isinstance(action, Navigate | Reload):
                return await self._session.revived(target_id)
            raise

    @asynccontextmanager
    async def _explaining(self, deadline: float) -> AsyncIterator[_Found]:
        """What goes wrong, as it is told. Raises Failed, DriverUnavailable."""
        found = _Found()
        try:
            async with asyncio.timeout_at(deadline + LAST_SECONDS):
                yield found
        except DriverUnavailable:
            raise
        except Exception as error:  # Playwright's, of any kind, from looking for the page
            raise await self._explained(error, found.page_id) from error

    async def _explained(self, error: Exception, page_id: str | None) -> Failed:
        """What ended it, where the action itself knows only that its page is gone; None: no page was found for it."""
        if self._place.is_over():
            await self._over.wait()  # the run's end says why
        if page_id is not None and self._session.has_crashed(page_id):
            return Failed(failures.PAGE_CRASHED, "The page crashed.")
        if isinstance(error, TimeoutError) and not await self._driver.is_lost():
            return Failed(failures.TIMED_OUT, "It took longer than it may.")
        if page_id is None and isinstance(error, Failed):
            return error
        if page_id is not None and not self._session.has_page(page_id):
            return Failed(NO_PAGE, "The page was closed meanwhile.")
        if not self._session.is_connected or await self._driver.is_lost():
            return Failed(RuntimeNotExecutable.code, LOST)
        return failures.of(error)

    async def _kept(self, job: Job, made: Made, page_id: str) -> dict[str, Any]:
        """A picture is an artifact, and the output names it. Raises NotKept."""
        kept = await self._place.files.keep(
            made.content,
            kind=made.kind,
            name=made.name,
            content_type=made.content_type,
            command_id=job.request.invocation_id,
            page_id=page_id,
        )
        job.artifact_ids.append(kept.artifact_id)
        return {
            "artifactId": kept.artifact_id,
            "name": kept.name,
            "sizeBytes": kept.size_bytes,
            "contentType": made.content_type,
        }

    async def _output(self, job: Job, name: str, value: object, deadline: float) -> Output:
        """As it is told: without secrets, and what is too large for the log as an artifact. Raises NotKept, Failed."""
        raw = as_json(value)
        try:
            async with asyncio.timeout_at(deadline + LAST_SECONDS):
                told = await self._place.redacting.redacted(raw, keep_pairs=self._wanted.headers)
        except TimeoutError as error:
            raise Failed(
                failures.TIMED_OUT, "What it gave is too long to be told in time."
            ) from error
        if len(bytes(raw)) <= JSON_LIMIT_BYTES:
            return Output(value=told)
        kept = await self._place.files.keep(
            bytes(told),
            kind="file",
            name=f"{name}-result.json",
            content_type="application/json",
            command_id=job.request.invocation_id,
        )
        job.artifact_ids.append(kept.artifact_id)
        return Output(artifact_id=kept.artifact_id, artifact_ids=[kept.artifact_id])

    # the end of the run

    async def stop(self, end: End) -> None:
        """As `worker.part`."""
        self._give_up_all(end, "")
        await self._session.close()

    async def end(self, end: End, detail: str) -> None:
        """As `worker.part`."""
        self._give_up_all(end, detail)
        await self._session.close()
        await self._on_end()

    def _give_up_all(self, end: End, detail: str) -> None:
        self._ended = True
        for job in self._queue.open():
            self._finish(job, Failure("failed", end.code, f"{end.message} {detail}".strip()))
            if job.task is not None:
                job.task.cancel()
        if self._resting is not None:
            self._resting.cancel()
        self._over.set()


def _refuse_unreadable(action: Action) -> None:
    """What can be seen beforehand. Raises Failed."""
    for step in action.actions if isinstance(action, Batch) else [action]:
        if isinstance(step, Extract):
            Extraction.by(step.output_schema)


def _summary(output: Output) -> dict[str, Any]:
    """A step's output within a batch's."""
    if output.value is UNSET:
        return {"outputArtifactId": output.artifact_id}
    return {"output": msgspec.json.decode(output.value)}


def _failure_of(task: asyncio.Task[Output]) -> Failure | None:
    """What a task that is done came to; None: it did what it should."""
    if task.cancelled():
        return CANCELLED
    match task.exception():
        case None:
            return None
        case Failed() as failed:
            outcome: failures.Outcome = (
                "timed_out" if failed.code == failures.TIMED_OUT else "failed"
            )
            return Failure(outcome, failed.code, failed.message, failed.details)
        case NotKept() as not_kept:
            return Failure("failed", not_kept.code, not_kept.message)
        case DriverUnavailable() as unavailable:
            return Failure("failed", RuntimeNotExecutable.code, str(unavailable))
        case error:
            log.error("invocation.broke", exc_info=error)
            return BROKEN

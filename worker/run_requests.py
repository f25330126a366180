"""What a recorder asks of a run that is active here: connections, targets, another idle time-out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

import msgspec
import structlog

from schemas.problems import (
    ConnectionNotFound,
    RequestInvalid,
    RuntimeHostUnavailable,
    RuntimeNotActive,
    StorageUnavailable,
    TargetNotFound,
)
from schemas.requests import (
    ActivateTarget,
    Answer,
    CancelInvocation,
    CloseTarget,
    ConnectionStands,
    CreateConnection,
    CreateTarget,
    Done,
    Ingest,
    Ingested,
    IngestedEvent,
    Invoke,
    ListTargets,
    ReconfigureRun,
    Refused,
    RevokeConnection,
    RunRequest,
    TargetsFound,
)
from worker.cdp.switchboard import BrowserGone, CdpError
from worker.outbox import Entry, Outbox
from worker.runtime import Runtime
from worker.targets import NoSuchTarget
from worker.tools.invocations import UNKNOWN
from worker.tools.tools import Tools

log = structlog.get_logger(__name__)

NOT_ACTIVE = Refused(code=RuntimeNotActive.code, message="This worker does not have that run.")
NO_SUCH_TARGET = Refused(code=TargetNotFound.code, message="There is no such target in this run.")
UNANSWERED = Refused(code=RuntimeHostUnavailable.code, message="The browser does not answer.")
# A browser that stands still answers nothing, and whoever asked waits.
TARGETS_SECONDS = 10.0
# What a page may be opened with; a client over CDP has other ways, and is answerable for them.
OPENED = ("http://", "https://", "data:", "about:blank")

_request: msgspec.json.Decoder[RunRequest] = msgspec.json.Decoder(RunRequest)


class Runs(Protocol):
    """Where a run is found."""

    def find_run(self, run_id: str) -> Runtime | None:
        """The run with that id, while it is active."""


class RunRequests:
    """Answers them. `gateway_url` is the worker's."""

    def __init__(self, runs: Runs, outbox: Outbox, gateway_url: str, tools: Tools) -> None:
        self._runs = runs
        self._outbox = outbox
        self._gateway_url = gateway_url
        self._tools = tools

    async def answer(self, body: bytes) -> Answer:
        """Do what is asked, and say so once the stream has what the log tells of it."""
        try:
            request = _request.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return Refused(code=RequestInvalid.code, message=f"Not a request to a run: {error}")
        run = self._runs.find_run(request.run_id)
        if run is None:
            return NOT_ACTIVE
        try:
            return await self._do(run, request)
        except NoSuchTarget:
            return NO_SUCH_TARGET
        except TimeoutError:
            log.warning("run.request_unanswered", run_id=request.run_id)
            return UNANSWERED
        except BrowserGone:
            return NOT_ACTIVE
        except CdpError as error:
            log.warning("run.request_refused", run_id=request.run_id, reason=str(error))
            return Refused(code=RuntimeHostUnavailable.code, message=f"Chromium refused: {error}")

    async def _do(self, run: Runtime, request: RunRequest) -> Answer:
        match request:
            case CreateConnection():
                return await self._create_connection(run, request.ttl_seconds)
            case RevokeConnection():
                return await self._revoke_connection(run, request.connection_id)
            case ReconfigureRun():
                run.reconfigure(request.idle_timeout_seconds)
                return Done()
            case Invoke():
                return await self._told(self._invoke(run, request))
            case CancelInvocation():
                invocations = self._tools.find(request.run_id)
                if invocations is None:
                    return UNKNOWN
                return await self._told(invocations.cancel(request.invocation_id))
            case Ingest():
                return await self._ingest(run, request.events)
            case _:
                async with asyncio.timeout(TARGETS_SECONDS):
                    return await _do_to_targets(run, request)

    def _invoke(self, run: Runtime, request: Invoke) -> Entry | Refused:
        try:
            return self._tools.of(run).invoke(request)
        except OSError as error:  # no room for what the browser is to read
            return Refused(code=StorageUnavailable.code, message=f"The worker's disk: {error}")

    async def _told(self, what: Entry | Refused | None) -> Answer:
        if isinstance(what, Refused):
            return what
        return Done(position=await self._outbox.acknowledged(what) if what else 0)

    async def _create_connection(self, run: Runtime, ttl_seconds: int) -> Answer:
        created = run.attachments.create_connection(ttl_seconds)
        if created is None:
            return NOT_ACTIVE
        return ConnectionStands(
            connection_id=created.connection_id,
            gateway_url=self._gateway_url,
            expires_at=created.expires_at,
            position=await self._outbox.acknowledged(created.entry),
        )

    async def _revoke_connection(self, run: Runtime, connection_id: str) -> Answer:
        if run.attachments.standing(connection_id) == "unknown":
            return Refused(code=ConnectionNotFound.code, message="This run has no such connection.")
        revoked: Entry | None = run.attachments.revoke_connection(connection_id)
        return Done(position=await self._outbox.acknowledged(revoked) if revoked else 0)

    async def _ingest(self, run: Runtime, events: Sequence[IngestedEvent]) -> Answer:
        if not run.is_open:
            return NOT_ACTIVE
        taken = run.ingestion.take(events, time.monotonic())
        if isinstance(taken, Refused):
            return taken
        position = await self._outbox.acknowledged(taken.entry) if taken.entry else 0
        return Ingested(event_ids=taken.event_ids, position=position)


async def _do_to_targets(
    run: Runtime, request: ListTargets | CreateTarget | ActivateTarget | CloseTarget
) -> Answer:
    match request:
        case ListTargets():
            return TargetsFound(targets=await run.targets.all())
        case CreateTarget():
            return await _create_target(run, request.url)
        case ActivateTarget():
            return TargetsFound(targets=[await run.targets.activate(request.target_id)])
        case CloseTarget():
            await run.targets.close(request.target_id)
            return Done()


async def _create_target(run: Runtime, url: str) -> Answer:
    if not url.lower().startswith(OPENED):
        return Refused(
            code=RequestInvalid.code, message="A page can be opened with an http(s) or data URL."
        )
    return TargetsFound(targets=[await run.targets.create(url)])

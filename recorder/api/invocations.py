"""/v1/runtimes/{runtimeId}/invocations: hosted actions. Asked for here, done by the worker that has the run, read from
the log.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Literal

import uuid_utils
from msgspec import UNSET, Struct, field, structs

from recorder.api import actions
from recorder.api.action_examples import EXAMPLES
from recorder.api.endpoint import Call, Endpoint
from recorder.api.idempotent import asked
from recorder.api.lists import PageQuery, Values, one_of
from recorder.api.waiting import seconds_of, wait_until
from recorder.idempotency import Ids
from recorder.queries import commands as queries
from recorder.queries import files, runtimes
from recorder.queries.commands import CommandFilter
from schemas import subjects
from schemas.actions import Action, name_of
from schemas.artifacts import object_path
from schemas.problems import (
    CursorExpired,
    FileNotFound,
    InvocationNotFound,
    OutputSchemaInvalid,
    RateLimited,
    RequestTooLarge,
    RunNotFound,
    RuntimeHostUnavailable,
    RuntimeNotActive,
    RuntimeNotExecutable,
    RuntimeNotFound,
    StorageUnavailable,
)
from schemas.requests import CancelInvocation, Done, Invoke, StoredFile
from schemas.resources import (
    Invocation,
    Page,
    Runtime,
    WaitedInvocation,
    WaitForInvocation,
)
from schemas.times import rfc3339

INVOCATION_ID = "invocationId"
SHOWN_SECONDS = 2.0
ENDED = ("succeeded", "failed", "cancelled", "timed_out")
STATUSES = ("queued", "dispatching", "running", "cancelling", *ENDED)


class InvocationsQuery(PageQuery, frozen=True, kw_only=True):
    """Which invocations."""

    status: Values = field(default_factory=list)
    action: Values = field(default_factory=list)
    order: Literal["asc", "desc"] = "asc"


class Asked(Struct, frozen=True):
    """What is kept of an invocation for who asks again with its key: no more than its request does not tell.

    `position` is that on RUNS.
    """

    invocation_id: str
    run_id: str
    created_at: str
    position: int


async def create_invocation(call: Call[object, Action]) -> Invocation:
    """Have an action done once its turn comes; answered as soon as it stands in the queue.

    The run's events tell what it does; wait for it, or read it again.
    """
    once = call.recorder.idempotency.once
    made = await once(
        asked(call, "runtimes-invocations-create"), Asked, _new_id, lambda ids: _ask(call, ids)
    )
    await call.recorder.news.wait_for_position(subjects.RUNS, made.position, SHOWN_SECONDS)
    return _as_asked(call, made)


def _new_id() -> dict[str, str]:
    return {INVOCATION_ID: str(uuid_utils.uuid7())}


async def _ask(call: Call[object, Action], ids: Ids) -> Asked:
    """Doing it again does nothing twice: what stands in the log already is the answer."""
    recorder, invocation_id = call.recorder, ids[INVOCATION_ID]
    runtime = await _get_runtime(call)
    if found := await queries.find_invocation(recorder.store, runtime.id, invocation_id):
        return Asked(invocation_id, found.run_id, found.created_at, 0)
    stored = [await _stored(call, runtime.space_id, each) for each in actions.file_ids(call.body)]
    run_id, answer = await recorder.fleet.ask_run(
        runtime.id,
        lambda run_id: Invoke(
            run_id=run_id, invocation_id=invocation_id, invocation=call.body, files=stored
        ),
    )
    if not isinstance(answer, Done):
        raise RuntimeHostUnavailable("The worker gave an answer that belongs to something else.")
    shown = await queries.find_invocation(recorder.store, runtime.id, invocation_id)
    # No table shows what is new of a run that is parked, or where the tables are behind.
    created_at = shown.created_at if shown else rfc3339(time.time_ns())
    return Asked(invocation_id, run_id, created_at, answer.position)


async def _stored(call: Call[object, Action], space_id: str, file_id: str) -> StoredFile:
    """A file that the action uploads. One of another space is none."""
    file = await files.get_file(call.recorder.store, file_id, "")
    if file.space_id != space_id:
        raise FileNotFound
    return StoredFile(
        file_id=file.id,
        object_path=object_path(file.space_id, file.id),
        name=file.name,
        content_type=file.content_type,
        size_bytes=file.size_bytes,
    )


def _as_asked(call: Call[object, Action], made: Asked) -> Invocation:
    """Whatever has become of it meanwhile: the same request has the same answer."""
    return Invocation(
        id=made.invocation_id,
        run_id=made.run_id,
        runtime_id=call.path["runtimeId"],
        action=name_of(call.body),
        status="queued",
        artifact_ids=[],
        error=None,
        created_at=made.created_at,
        started_at=None,
        finished_at=None,
        duration_seconds=None,
        duration_ms=None,
    )


async def wait_for_invocation(call: Call[object, WaitForInvocation]) -> WaitedInvocation:
    """The invocation once it has ended, or as it is when the time is up."""
    found = await _get(call)

    async def has_ended() -> bool:
        nonlocal found
        found = await _get(call)
        return found.status in ENDED

    if found.status not in ENDED:
        await wait_until(has_ended, call.recorder.news, found.run_id, seconds_of(call.body))
    ended = found.status in ENDED
    return WaitedInvocation(
        **structs.asdict(found),
        wait_status="completed" if ended else "timeout",
        retry_after_ms=UNSET if ended else 1,
    )


async def cancel_invocation(call: Call[object, None]) -> Invocation:
    """Give it up, wherever it is. One that has ended stays as it is."""
    found = await _get(call)
    if found.status in ENDED:
        return found
    with suppress(RuntimeNotActive):  # its run has ended meanwhile
        await call.recorder.fleet.ask_run(
            found.runtime_id,
            lambda _: CancelInvocation(run_id=found.run_id, invocation_id=found.id),
        )
    return await _get(call)


async def list_invocations(call: Call[InvocationsQuery, None]) -> Page[Invocation]:
    """Invocations of a run, in the order in which they were asked for."""
    query = call.query
    wanted = CommandFilter(
        status=one_of(STATUSES, query.status, "$.status"),
        execution_mode=queries.HOSTED,
        action=query.action,
    )
    return await queries.list_invocations(
        call.recorder.store,
        call.path["runId"],
        wanted,
        after=query.cursor,
        limit=query.limit,
        order=query.order,
    )


async def get_invocation(call: Call[object, None]) -> Invocation:
    """One invocation of a run."""
    return await queries.get_invocation_of_run(
        call.recorder.store, call.path["runId"], call.path[INVOCATION_ID]
    )


async def _get(call: Call[object, object]) -> Invocation:
    store, runtime_id = call.recorder.store, call.path["runtimeId"]
    found = await queries.find_invocation(store, runtime_id, call.path[INVOCATION_ID])
    if found is None:
        await _get_runtime(call)
        raise InvocationNotFound
    return found


async def _get_runtime(call: Call[object, object]) -> Runtime:
    return await runtimes.get_runtime(call.recorder.store, call.path["runtimeId"])


OF_RUNTIME = "/v1/runtimes/{runtimeId}/invocations"
OF_RUN = "/v1/runs/{runId}/invocations"
ASK_PROBLEMS = (
    RuntimeNotFound,
    RuntimeNotActive,
    RuntimeNotExecutable,
    FileNotFound,
    OutputSchemaInvalid,
    RateLimited,
    RequestTooLarge,
    RuntimeHostUnavailable,
    StorageUnavailable,
)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path=OF_RUNTIME,
        name="runtimes-invocations-create",
        summary="Ask for an action",
        tag="invocations",
        needs="control",
        handler=create_invocation,
        body=Action,
        read=actions.read,
        examples=EXAMPLES,
        answer=Invocation,
        status=202,
        idempotent=True,
        problems=ASK_PROBLEMS,
    ),
    Endpoint(
        method="POST",
        path=f"{OF_RUNTIME}/{{invocationId}}/wait",
        name="runtimes-invocations-wait",
        summary="Wait for an invocation's end",
        tag="invocations",
        needs="read",
        handler=wait_for_invocation,
        body=WaitForInvocation,
        answer=WaitedInvocation,
        problems=(RuntimeNotFound, InvocationNotFound),
    ),
    Endpoint(
        method="POST",
        path=f"{OF_RUNTIME}/{{invocationId}}/cancel",
        name="runtimes-invocations-cancel",
        summary="Cancel an invocation",
        tag="invocations",
        needs="control",
        handler=cancel_invocation,
        answer=Invocation,
        problems=(RuntimeNotFound, InvocationNotFound, RuntimeHostUnavailable, StorageUnavailable),
    ),
    Endpoint(
        method="GET",
        path=OF_RUN,
        name="runs-invocations-list",
        summary="List a run's invocations",
        tag="runs",
        needs="read",
        handler=list_invocations,
        query=InvocationsQuery,
        answer=Page[Invocation],
        problems=(RunNotFound, CursorExpired),
    ),
    Endpoint(
        method="GET",
        path=f"{OF_RUN}/{{invocationId}}",
        name="runs-invocations-get",
        summary="Get an invocation",
        tag="runs",
        needs="read",
        handler=get_invocation,
        answer=Invocation,
        problems=(RunNotFound, InvocationNotFound, CursorExpired),
    ),
)

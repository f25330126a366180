"""/v1/runtimes: made, started and stopped."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import uuid_utils
from msgspec import UNSET, Meta, Struct, field, structs

from recorder.api.endpoint import Call, Endpoint
from recorder.api.idempotent import asked
from recorder.api.lists import PageQuery, Values, statuses
from recorder.api.runtime_changes import created
from recorder.api.waiting import StartQuery
from recorder.idempotency import Ids
from recorder.queries import runs, spaces
from recorder.queries import runtimes as queries
from recorder.queries.runtimes import RuntimeFilter
from recorder.starts import Patience
from schemas import subjects
from schemas.ids import DEFAULT_SPACE_ID
from schemas.problems import (
    ConcurrentQuotaExceeded,
    Problem,
    ProfileInUse,
    RuntimeHostUnavailable,
    RuntimeNotActive,
    RuntimeNotFound,
    SpaceNotFound,
    StorageUnavailable,
)
from schemas.requests import RunStarted
from schemas.resources import (
    MOST_METADATA,
    CreateRuntime,
    Page,
    Runtime,
    StartedRuntime,
    StartRuntime,
    StoppedRuntime,
)
from schemas.tokens import connect_url

RUNTIME_ID = "runtimeId"
SHOWN_SECONDS = 2.0
START_PROBLEMS = (
    ConcurrentQuotaExceeded,
    ProfileInUse,
    RuntimeHostUnavailable,
    StorageUnavailable,
)


class RuntimesQuery(PageQuery, frozen=True, kw_only=True):
    """Which runtimes."""

    space_id: str | None = None
    status: Values = field(default_factory=list)
    name: str | None = None
    metadata: Annotated[
        dict[str, str],
        Meta(
            max_length=MOST_METADATA,
            description="Runtimes with these values: `metadata[job]=1` or `metadata.job=1`; several: all of them.",
        ),
    ] = field(default_factory=dict)


class MadeRuntime(Struct, frozen=True):
    """What the answer of a create is made of: all of it but the URL with its token. `position` is that on CONTROL."""

    runtime: Runtime
    gateway_url: str | None
    position: int


async def list_runtimes(call: Call[RuntimesQuery, None]) -> Page[Runtime]:
    """Runtimes, newest first."""
    recorder, query = call.recorder, call.query
    wanted = RuntimeFilter(query.space_id, statuses(query.status), query.name, query.metadata)
    return await queries.list_runtimes(
        recorder.store, wanted, query.cursor, query.limit, call.connect_url
    )


async def create_runtime(call: Call[StartQuery, CreateRuntime]) -> Runtime:
    """A new runtime, stopped unless `start` is true."""
    recorder = call.recorder
    made = await recorder.idempotency.once(
        asked(call, "runtimes-create"), MadeRuntime, _new_id, partial(_make_runtime, call)
    )
    await _shown_here(call, subjects.CONTROL, made.position)
    runtime = made.runtime
    if not (made.gateway_url and runtime.active_run_id):
        return runtime
    url = _connect_url(call, made.gateway_url, runtime.active_run_id)
    return structs.replace(runtime, connect_url=url)


def _new_id() -> dict[str, str]:
    return {RUNTIME_ID: str(uuid_utils.uuid7())}


async def _make_runtime(call: Call[StartQuery, CreateRuntime], ids: Ids) -> MadeRuntime:
    recorder, runtime_id = call.recorder, ids[RUNTIME_ID]
    space = await spaces.get_space(recorder.store, call.body.space_id or DEFAULT_SPACE_ID)
    decide = partial(created, recorder, call.body, space.id, runtime_id)
    position = await recorder.facts.create_runtime(runtime_id, space.id, decide)
    gateway_url = await _start_new(call, runtime_id) if call.body.start else None
    runtime = await _get(call, runtime_id)
    return MadeRuntime(structs.replace(runtime, connect_url=UNSET), gateway_url, position)


async def _start_new(call: Call[StartQuery, CreateRuntime], runtime_id: str) -> str:
    """Its gateway. A runtime that does not start is there all the same, so the problem names it."""
    try:
        return (await _start(call, runtime_id)).gateway_url
    except Problem as problem:
        problem.details = {**(problem.details or {}), "runtimeId": runtime_id}
        raise


async def get_runtime(call: Call[object, None]) -> Runtime:
    """One runtime. Its connectUrl, with which it can be driven, is for keys that may."""
    return await _get(call, call.path["runtimeId"])


async def start_runtime(call: Call[StartQuery, StartRuntime]) -> StartedRuntime:
    """Start it; the run that it has already if it is active."""
    runtime_id = call.path["runtimeId"]
    started = await call.recorder.idempotency.once(
        asked(call, "runtimes-start"), RunStarted, dict, lambda _: _start(call, runtime_id)
    )
    await _shown_here(call, subjects.RUNS, started.position)
    return StartedRuntime(
        runtime_id=runtime_id,
        run_id=started.run_id,
        connect_url=_connect_url(call, started.gateway_url, started.run_id),
        protocol="cdp",
        started=started.started,
        status="active",
    )


async def _start(call: Call[StartQuery, object], runtime_id: str) -> RunStarted:
    """Start it; and what was changed while its browser was launched, and so reached no run, is told again."""
    fleet, store = call.recorder.fleet, call.recorder.store
    runtime = await _get(call, runtime_id)
    before = (await queries.get_setup(store, runtime_id)).config.idle_timeout_seconds
    started = await fleet.start(runtime, _patience(call))
    after = (await queries.get_setup(store, runtime_id)).config.idle_timeout_seconds
    if after != before:
        await fleet.reconfigure(runtime_id, None if after is UNSET else after)
    return started


async def stop_runtime(call: Call[object, None]) -> StoppedRuntime:
    """Stop it."""
    runtime = await _get(call, call.path["runtimeId"])
    run_id = await call.recorder.fleet.stop(runtime.id)
    run = await runs.get_summary(call.recorder.store, run_id)
    return StoppedRuntime(runtime_id=runtime.id, run_id=run_id, status=run.status, stopped=True)


async def _shown_here(call: Call[object, object], stream: str, position: int) -> None:
    """An answer that another recorder gave first: who reads next, reads here. What is done is not undone by lag."""
    await call.recorder.news.wait_for_position(stream, position, SHOWN_SECONDS)


def _patience(call: Call[StartQuery, object]) -> Patience:
    return Patience(call.query.wait_seconds, call.gone)


async def _get(call: Call[object, object], runtime_id: str) -> Runtime:
    return await queries.get_runtime(call.recorder.store, runtime_id, call.connect_url)


def _connect_url(call: Call[object, object], gateway_url: str, run_id: str) -> str:
    return connect_url(gateway_url, call.recorder.settings.secret, run_id, call.key.id)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/runtimes",
        name="runtimes-list",
        summary="List runtimes",
        tag="runtimes",
        needs="read",
        handler=list_runtimes,
        query=RuntimesQuery,
        answer=Page[Runtime],
    ),
    Endpoint(
        method="POST",
        path="/v1/runtimes",
        name="runtimes-create",
        summary="Create a runtime",
        tag="runtimes",
        needs="control",
        handler=create_runtime,
        query=StartQuery,
        body=CreateRuntime,
        answer=Runtime,
        status=201,
        idempotent=True,
        problems=(SpaceNotFound, RuntimeNotFound, *START_PROBLEMS),
    ),
    Endpoint(
        method="GET",
        path="/v1/runtimes/{runtimeId}",
        name="runtimes-get",
        summary="Get a runtime",
        tag="runtimes",
        needs="read",
        handler=get_runtime,
        answer=Runtime,
        problems=(RuntimeNotFound,),
    ),
    Endpoint(
        method="POST",
        path="/v1/runtimes/{runtimeId}/start",
        name="runtimes-start",
        idempotent=True,
        summary="Start a runtime",
        tag="runtimes",
        needs="control",
        handler=start_runtime,
        query=StartQuery,
        body=StartRuntime,
        answer=StartedRuntime,
        problems=(RuntimeNotFound, *START_PROBLEMS),
    ),
    Endpoint(
        method="POST",
        path="/v1/runtimes/{runtimeId}/stop",
        name="runtimes-stop",
        summary="Stop a runtime",
        tag="runtimes",
        needs="control",
        handler=stop_runtime,
        answer=StoppedRuntime,
        problems=(RuntimeNotFound, RuntimeNotActive, RuntimeHostUnavailable, StorageUnavailable),
    ),
)

"""/v1/runs, and the runs of one runtime (also under /v2, in the shape of seed 004)."""

from __future__ import annotations

import time

import msgspec
from msgspec import field

from recorder.api.endpoint import Call, Endpoint
from recorder.api.lists import PageQuery, Values, statuses
from recorder.api.waiting import seconds_of, wait_until
from recorder.queries import runs as queries
from recorder.queries import runtimes
from recorder.queries.runs import RunFilter
from schemas.problems import RunNotFound, RuntimeNotFound
from schemas.resources import Page, Run, RunSummary, RuntimeRun, WaitedRun, WaitForRun

SETTLE_SECONDS = 2.0  # a digest follows a run's end in a fraction of that, where CONTROL is there


class RunsQuery(PageQuery, frozen=True, kw_only=True):
    """Which runs."""

    space_id: str | None = None
    runtime_id: str | None = None
    status: Values = field(default_factory=list)


class RuntimeRunsQuery(PageQuery, frozen=True, kw_only=True):
    """Which runs of one runtime."""

    status: Values = field(default_factory=list)


async def list_runs(call: Call[RunsQuery, None]) -> Page[RunSummary]:
    """Runs, newest first."""
    query = call.query
    wanted = RunFilter(query.space_id, query.runtime_id, statuses(query.status))
    return await queries.list_runs(call.recorder.store, wanted, query.cursor, query.limit)


async def list_runtime_runs(call: Call[RuntimeRunsQuery, None]) -> Page[RunSummary]:
    """Runs of one runtime, newest first."""
    wanted = await _of_runtime(call)
    query = call.query
    return await queries.list_runs(call.recorder.store, wanted, query.cursor, query.limit)


async def list_compact_runs(call: Call[RuntimeRunsQuery, None]) -> Page[RuntimeRun]:
    """List runs for one runtime using compact runtime-scoped run summaries."""
    wanted = await _of_runtime(call)
    query = call.query
    return await queries.list_compact_runs(call.recorder.store, wanted, query.cursor, query.limit)


async def get_run(call: Call[object, None]) -> Run:
    """One run, with its counts and what it took."""
    recorder = call.recorder
    return await queries.get_run(recorder.store, call.path["runId"], recorder.rate_card)


async def wait_for_run(call: Call[object, WaitForRun]) -> WaitedRun:
    """The run once it has ended and what it took is settled, or as it is when the time is up."""
    run_id, store = call.path["runId"], call.recorder.store
    news, began, seconds = call.recorder.news, time.monotonic(), seconds_of(call.body)

    async def has_ended() -> bool:
        return (await queries.get_summary(store, run_id)).status != "active"

    async def is_settled() -> bool:
        return (await queries.get_usage(store, run_id, None)).billing_status != "pending"

    if not await has_ended():
        await wait_until(has_ended, news, run_id, seconds)
    if await has_ended():
        left = seconds - (time.monotonic() - began)
        await wait_until(is_settled, news, run_id, min(left, SETTLE_SECONDS))
    run = await queries.get_run(store, run_id, call.recorder.rate_card)
    return WaitedRun(
        **msgspec.structs.asdict(run),
        wait_status="timeout" if run.status == "active" else "completed",
    )


async def _of_runtime(call: Call[RuntimeRunsQuery, None]) -> RunFilter:
    recorder, runtime_id = call.recorder, call.path["runtimeId"]
    await runtimes.get_runtime(recorder.store, runtime_id)
    return RunFilter(runtime_id=runtime_id, status=statuses(call.query.status))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/runs",
        name="runs-list",
        summary="List runs",
        tag="runs",
        needs="read",
        handler=list_runs,
        query=RunsQuery,
        answer=Page[RunSummary],
    ),
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}",
        name="runs-get",
        summary="Get a run",
        tag="runs",
        needs="read",
        handler=get_run,
        answer=Run,
        problems=(RunNotFound,),
    ),
    Endpoint(
        method="POST",
        path="/v1/runs/{runId}/wait",
        name="runs-wait",
        summary="Wait for a run's end",
        tag="runs",
        needs="read",
        handler=wait_for_run,
        body=WaitForRun,
        answer=WaitedRun,
        problems=(RunNotFound,),
    ),
    Endpoint(
        method="GET",
        path="/v1/runtimes/{runtimeId}/runs",
        name="runtimes-runs-list",
        summary="List runs of a runtime",
        tag="runtimes",
        needs="read",
        handler=list_runtime_runs,
        query=RuntimeRunsQuery,
        answer=Page[RunSummary],
        problems=(RuntimeNotFound,),
    ),
    Endpoint(
        method="GET",
        path="/v2/runtimes/{runtimeId}/runs",
        name="v-2-runtimes-runs-list",
        summary="List runtime runs",
        tag="subpackage_runtimes",
        needs="read",
        handler=list_compact_runs,
        query=RuntimeRunsQuery,
        answer=Page[RuntimeRun],
        problems=(RuntimeNotFound,),
    ),
)

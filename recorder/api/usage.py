"""/v1/usage and /v1/runs/{runId}/usage: what runs took."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from recorder.api import parse
from recorder.api.endpoint import Call, Endpoint
from recorder.api.lists import PageQuery
from recorder.queries import runs
from recorder.queries.totals import By, Wanted
from schemas.problems import RunNotFound
from schemas.resources import Usage, UsageTotals
from schemas.types import whole

METADATA = "metadata."
GroupBy = Annotated[str, Meta(pattern=whole(r"space|runtime|metadata\.(?:.|\n){1,1000}"))]


class TotalsQuery(PageQuery, frozen=True, kw_only=True):
    """Of which runs: those that ended from `since` on and before `until` (RFC 3339); without them, all.

    `groupBy`: `space`, `runtime`, or `metadata.` and a field of the runtimes' metadata. `cursor` and `limit` are for
    the groups.
    """

    since: str | None = None
    until: str | None = None
    space_id: str | None = None
    group_by: GroupBy | None = None


async def get_usage(call: Call[object, None]) -> Usage:
    """What one run took so far, or in all once it has ended."""
    recorder = call.recorder
    return await runs.get_usage(recorder.store, call.path["runId"], recorder.rate_card)


async def get_usage_totals(call: Call[TotalsQuery, None]) -> UsageTotals:
    """What runs took that ended in a time; those that go on are counted apart."""
    query = call.query
    by, field = _by(query.group_by)
    wanted = Wanted(
        since=parse.time(query.since, "$.since"),
        until=parse.time(query.until, "$.until"),
        space_id=query.space_id,
        by=by,
        field=field,
    )
    return await call.recorder.totals.get(wanted, query.cursor, query.limit)


def _by(group_by: str | None) -> tuple[By | None, str | None]:
    match group_by:
        case None | "space" | "runtime":
            return group_by, None
    return "metadata", group_by.removeprefix(METADATA)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/usage",
        name="runs-usage",
        summary="Get what a run took",
        tag="runs",
        needs="read",
        handler=get_usage,
        answer=Usage,
        problems=(RunNotFound,),
    ),
    Endpoint(
        method="GET",
        path="/v1/usage",
        name="usage-get",
        summary="Get what runs took over a time",
        tag="usage",
        needs="read",
        handler=get_usage_totals,
        query=TotalsQuery,
        answer=UsageTotals,
    ),
)

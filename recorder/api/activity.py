"""/v1/runs/{runId}/activity: the story of a run, listed and streamed."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from recorder.api.endpoint import Call, Endpoint, EventStream
from recorder.api.following import frames
from recorder.api.lists import PageQuery, Values
from recorder.api.parse import invalid
from recorder.api.search import Q
from recorder.follow import Follower
from recorder.queries import activity as queries
from recorder.queries import runs
from recorder.queries.activity import ActivityFilter, activity_cursor
from recorder.queries.events import BEGINNING
from recorder.search import wanted as wanted_words
from schemas.problems import CursorExpired, EventsGone, RunNotFound
from schemas.resources import ActivityItem, ActivityView, Page


class StoryQuery(PageQuery, frozen=True, kw_only=True):
    """Which items. A type may end in `*`: `browser.*`. `view=normal` is what one would show a customer, `debug` all."""

    view: ActivityView = "normal"
    type: Values = field(default_factory=list)
    category: Values = field(default_factory=list)
    severity: Values = field(default_factory=list)
    invocation_id: str | None = None
    file_id: str | None = None
    q: Q = None


class ActivityQuery(StoryQuery, frozen=True, kw_only=True):
    """`nested`: what is a part of something stands in its `children`. With `q` nothing is nested, and a page may be
    short, or empty, and not be the last.
    """

    nested: bool = False
    order: Literal["asc", "desc"] = "asc"


async def list_activity(call: Call[ActivityQuery, None]) -> Page[ActivityItem]:
    """What was done and what happened in a run, in the order in which it began, each as it is now."""
    query, store, run_id = call.query, call.recorder.store, call.path["runId"]
    wanted, limit = _filter(query), query.limit
    if wanted.words is None:
        return await queries.list_activity(
            store, run_id, wanted, after=query.cursor, limit=limit, order=query.order, nested=query.nested
        )  # fmt: skip
    if query.nested:
        raise invalid("$.nested", "What has the words is not nested: leave out `nested`, or `q`.")
    return await queries.list_matching(
        store, run_id, wanted, after=query.cursor, limit=limit, order=query.order
    )


async def stream_activity(call: Call[StoryQuery, None]) -> EventStream:
    """Activity of a run from the beginning or after a cursor, then whatever changes, as it is by then; then its end."""
    run_id, recorder = call.path["runId"], call.recorder
    if await runs.has_gone(recorder.store, run_id):
        raise EventsGone
    cursor = call.headers.get("last-event-id") or call.query.cursor or None
    place = await queries.find_place(recorder.store, run_id, cursor) or BEGINNING
    follower = Follower(run_id, _filter(call.query), place, recorder.tails, recorder.news)
    return EventStream(frames(follower, "run.activity", activity_cursor, run_id))


def _filter(query: StoryQuery) -> ActivityFilter:
    return ActivityFilter(
        view="normal" if query.view == "normal" else None,
        type=tuple(query.type),
        category=tuple(query.category),
        severity=tuple(query.severity),
        invocation_id=query.invocation_id,
        file_id=query.file_id,
        words=wanted_words(query.q),
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/activity",
        name="runs-activity-list",
        summary="List a run's activity",
        tag="runs",
        needs="read",
        handler=list_activity,
        query=ActivityQuery,
        answer=Page[ActivityItem],
        problems=(RunNotFound, CursorExpired),
    ),
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/activity/stream",
        name="runs-activity-stream",
        summary="Follow a run's activity",
        tag="runs",
        needs="read",
        handler=stream_activity,
        query=StoryQuery,
        answer=None,
        problems=(RunNotFound, CursorExpired),
    ),
)

"""/v1/runs/{runId}/events: listed, streamed, waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Literal

from msgspec import field

from recorder.api import parse, sse
from recorder.api.endpoint import Call, Endpoint, EventStream
from recorder.api.lists import PageQuery, Values, several
from recorder.api.waiting import seconds_of
from recorder.follow import Ended, Follower, Silence, Told
from recorder.queries import events as queries
from recorder.queries import runs
from recorder.queries.events import BEGINNING, EventFilter, Happened, Place, event_cursor
from schemas import subjects
from schemas.problems import CursorExpired, EventsGone, RunNotFound
from schemas.resources import Page, RunEnded, RunEvent, WaitedEvent, WaitForEvent
from schemas.times import rfc3339


class EventsQuery(PageQuery, frozen=True, kw_only=True):
    """Which events. A type may end in `*`: `network.*`. Times are RFC 3339, both included."""

    type: Values = field(default_factory=list)
    category: Values = field(default_factory=list)
    status: Values = field(default_factory=list)
    page_id: str | None = None
    context_id: str | None = None
    connection_id: str | None = None
    since: str | None = None
    until: str | None = None
    order: Literal["asc", "desc"] = "asc"


async def list_events(call: Call[EventsQuery, None]) -> Page[RunEvent]:
    """Events of a run, in the order in which they happened."""
    run_id, query = call.path["runId"], call.query
    return await queries.list_events(
        call.recorder.store,
        run_id,
        _filter(query),
        after=query.cursor,
        limit=query.limit,
        order=query.order,
    )


async def stream_events(call: Call[EventsQuery, None]) -> EventStream:
    """Events of a run from the beginning or after a cursor, then as they happen, then its end."""
    run_id = call.path["runId"]
    if await runs.has_gone(call.recorder.store, run_id):
        raise EventsGone
    cursor = call.headers.get("last-event-id") or call.query.cursor or None
    place = await queries.find_place(call.recorder.store, run_id, cursor) or BEGINNING
    return EventStream(_frames(_follower(call, run_id, _filter(call.query), place), run_id))


async def wait_for_event(call: Call[object, WaitForEvent]) -> WaitedEvent:
    """The first event that matches, after `cursor` or after the moment of the request."""
    run_id, body, store = call.path["runId"], call.body, call.recorder.store
    gone = await runs.has_gone(store, run_id)
    place = await queries.find_place(store, run_id, body.cursor or None)
    if gone and place is not None:
        raise EventsGone
    place = place or _now(call)
    if gone:  # so it ended long ago
        cursor = event_cursor(run_id, place)
        return WaitedEvent(event=None, timed_out=False, cursor=cursor, run_ended=True)
    follower = _follower(call, run_id, _filter_of_wait(body), place)
    told = await _first(follower.tell_now())  # so that also a wait of 0 looks once
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds_of(body)):
            told = told or await _first(follower.tell())
    return _waited(told, run_id, follower.place)


async def _first(tellings: AsyncGenerator[Told, None]) -> Happened | Ended | None:
    async with aclosing(tellings):
        async for told in tellings:
            if isinstance(told, Ended):
                return told
            if not isinstance(told, Silence):
                return told[0]
    return None


def _waited(told: Happened | Ended | None, run_id: str, place: Place) -> WaitedEvent:
    match told:
        case Happened(event=event):
            cursor = event_cursor(run_id, told.place)
            return WaitedEvent(event=event, timed_out=False, cursor=cursor)
        case Ended():
            cursor = event_cursor(run_id, place)
            return WaitedEvent(event=None, timed_out=False, cursor=cursor, run_ended=True)
        case None:
            return WaitedEvent(event=None, timed_out=True, cursor=event_cursor(run_id, place))


async def _frames(follower: Follower, run_id: str) -> AsyncIterator[bytes]:
    """Breaks off where a reader is so slow that the events leave before it: it is told when it comes again."""
    with suppress(CursorExpired):
        async with aclosing(_told(follower, run_id)) as frames:
            async for frame in frames:
                yield frame


async def _told(follower: Follower, run_id: str) -> AsyncGenerator[bytes, None]:
    async with aclosing(follower.tell()) as tellings:
        async for told in tellings:
            if isinstance(told, Silence | Ended):
                yield _frame(told)
            else:
                yield b"".join([_event_frame(each, run_id) for each in told])


def _event_frame(happened: Happened, run_id: str) -> bytes:
    """Spelled once for all who follow."""
    if happened.frame is None:
        cursor = event_cursor(run_id, happened.place)
        happened.frame = sse.frame("run.event", happened.event, cursor)
    return happened.frame


def _frame(told: Silence | Ended) -> bytes:
    match told:
        case Silence():
            return sse.frame("heartbeat", {"time": rfc3339(time.time_ns())})
        case Ended(run=run):
            end = RunEnded(
                run_id=run.id,
                status=run.status,
                finished_at=run.finished_at,
                failure=run.failure,
            )
            return sse.frame("run.ended", end)


def _follower(
    call: Call[EventsQuery, None] | Call[object, WaitForEvent],
    run_id: str,
    wanted: EventFilter,
    place: Place,
) -> Follower:
    recorder = call.recorder
    return Follower(run_id, wanted, place, recorder.tails, recorder.news)


def _now(call: Call[object, WaitForEvent]) -> Place:
    news = call.recorder.news
    return Place(news.epoch(subjects.RUNS), news.position(subjects.RUNS))


def _filter(query: EventsQuery) -> EventFilter:
    return EventFilter(
        type=tuple(query.type),
        category=tuple(query.category),
        status=tuple(query.status),
        page_id=query.page_id,
        context_id=query.context_id,
        connection_id=query.connection_id,
        since=parse.time(query.since, "$.since"),
        until=parse.time(query.until, "$.until"),
    )


def _filter_of_wait(body: WaitForEvent) -> EventFilter:
    return EventFilter(
        type=tuple(several(body.type, "$.type")),
        category=tuple(several(body.category, "$.category")),
        status=tuple(several(body.status, "$.status")),
        page_id=body.page_id,
        connection_id=body.connection_id,
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/events",
        name="runs-events-list",
        summary="List a run's events",
        tag="runs",
        handler=list_events,
        query=EventsQuery,
        answer=Page[RunEvent],
        problems=(RunNotFound, CursorExpired),
    ),
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/events/stream",
        name="runs-events-stream",
        summary="Follow a run's events",
        tag="runs",
        handler=stream_events,
        query=EventsQuery,
        answer=None,
        problems=(RunNotFound, CursorExpired),
    ),
    Endpoint(
        method="POST",
        path="/v1/runs/{runId}/events/wait",
        name="runs-events-wait",
        summary="Wait for an event",
        tag="runs",
        handler=wait_for_event,
        body=WaitForEvent,
        answer=WaitedEvent,
        problems=(RunNotFound, CursorExpired),
    ),
)

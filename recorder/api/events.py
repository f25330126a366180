"""/v1/runs/{runId}/events: listed, streamed, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Literal

from msgspec import field

from recorder.api import parse
from recorder.api.endpoint import Answer, Call, Endpoint, EventStream
from recorder.api.following import frames
from recorder.api.lists import PageQuery, Values, several
from recorder.api.search import Q, caught_up
from recorder.api.waiting import seconds_of
from recorder.follow import Ended, Follower, Silence
from recorder.queries import events as queries
from recorder.queries import runs
from recorder.queries import search as queries_of_search
from recorder.queries.events import BEGINNING, EventFilter, Happened, Place, event_cursor
from recorder.search import wanted as wanted_words
from schemas import subjects
from schemas.problems import CursorExpired, EventsGone, RunNotFound, StorageUnavailable
from schemas.resources import Page, RunEvent, WaitedEvent, WaitForEvent

Tellings = AsyncGenerator[Sequence[Happened[RunEvent]] | Silence | Ended, None]


class EventsQuery(PageQuery, frozen=True, kw_only=True):
    """Which events. A type may end in `*`: `network.*`. Times are RFC 3339, both included. With `q` a page may be
    short, or empty, and not be the last.
    """

    type: Values = field(default_factory=list)
    category: Values = field(default_factory=list)
    status: Values = field(default_factory=list)
    page_id: str | None = None
    context_id: str | None = None
    connection_id: str | None = None
    since: str | None = None
    until: str | None = None
    q: Q = None
    order: Literal["asc", "desc"] = "asc"


async def list_events(call: Call[EventsQuery, None]) -> Page[RunEvent] | Answer:
    """Events of a run, in the order in which they happened."""
    run_id, query = call.path["runId"], call.query
    if query.q is not None:
        return await _list_matching(call)
    return await queries.list_events(
        call.recorder.store,
        run_id,
        _filter(query),
        after=query.cursor,
        limit=query.limit,
        order=query.order,
    )


async def _list_matching(call: Call[EventsQuery, None]) -> Answer:
    query, recorder, wanted = call.query, call.recorder, _filter(call.query)
    headers = await caught_up(recorder)
    page = await queries_of_search.list_matching(
        recorder.store,
        recorder.search,
        call.path["runId"],
        wanted,
        after=query.cursor,
        limit=query.limit,
        order=query.order,
    )
    return Answer(page, headers=headers)


async def stream_events(call: Call[EventsQuery, None]) -> EventStream:
    """Events of a run from the beginning or after a cursor, then as they happen, then its end."""
    run_id = call.path["runId"]
    if await runs.has_gone(call.recorder.store, run_id):
        raise EventsGone
    cursor = call.headers.get("last-event-id") or call.query.cursor or None
    place = await queries.find_place(call.recorder.store, run_id, cursor) or BEGINNING
    follower = _follower(call, run_id, _filter(call.query), place)
    return EventStream(frames(follower, "run.event", event_cursor, run_id))


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


async def _first(tellings: Tellings) -> Happened[RunEvent] | Ended | None:
    async with aclosing(tellings):
        async for told in tellings:
            if isinstance(told, Ended):
                return told
            if not isinstance(told, Silence):
                return told[0]
    return None


def _waited(told: Happened[RunEvent] | Ended | None, run_id: str, place: Place) -> WaitedEvent:
    match told:
        case Happened(resource=event):
            cursor = event_cursor(run_id, told.place)
            return WaitedEvent(event=event, timed_out=False, cursor=cursor)
        case Ended():
            cursor = event_cursor(run_id, place)
            return WaitedEvent(event=None, timed_out=False, cursor=cursor, run_ended=True)
        case None:
            return WaitedEvent(event=None, timed_out=True, cursor=event_cursor(run_id, place))


def _follower(
    call: Call[EventsQuery, None] | Call[object, WaitForEvent],
    run_id: str,
    wanted: EventFilter,
    place: Place,
) -> Follower[RunEvent]:
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
        words=wanted_words(query.q),
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
        needs="read",
        handler=list_events,
        query=EventsQuery,
        answer=Page[RunEvent],
        problems=(RunNotFound, CursorExpired, StorageUnavailable),
    ),
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/events/stream",
        name="runs-events-stream",
        summary="Follow a run's events",
        tag="runs",
        needs="read",
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
        needs="read",
        handler=wait_for_event,
        body=WaitForEvent,
        answer=WaitedEvent,
        problems=(RunNotFound, CursorExpired),
    ),
)

"""/v1/search: events of all runs by their words."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from recorder.api import parse
from recorder.api.endpoint import Answer, Call, Endpoint
from recorder.api.lists import PageQuery, Values
from recorder.parts import Recorder
from recorder.queries.events import EventFilter
from recorder.queries.search import asked_of_all, search_events
from recorder.search import wanted
from schemas.problems import StorageUnavailable
from schemas.resources import Page, SearchHit

CATCH_UP_SECONDS = 2.0

Q = Annotated[
    str | None,
    Meta(
        description="Words, all of which an event must have. What stands in quotes is a phrase; a word of three"
        " characters and more also stands for all that begin with it. Case and accents do not matter."
    ),
]


class SearchQuery(PageQuery, frozen=True, kw_only=True):
    """What is looked for. A type may end in `*`: `network.*`. Times are RFC 3339, both included."""

    q: Q = None
    space_id: str | None = None
    type: Values = field(default_factory=list)
    since: str | None = None
    until: str | None = None


async def search(call: Call[SearchQuery, None]) -> Answer:
    """Events of all runs, newest first. A page may be short, or empty, and not be the last."""
    query, recorder = call.query, call.recorder
    sought = EventFilter(
        type=tuple(query.type),
        since=parse.time(query.since, "$.since"),
        until=parse.time(query.until, "$.until"),
        words=wanted(query.q or ""),
    )
    headers = await caught_up(recorder)
    asked = asked_of_all(sought, query.space_id)
    page = await search_events(recorder.store, recorder.search, asked, query.cursor, query.limit)
    return Answer(page, headers=headers)


async def caught_up(recorder: Recorder) -> dict[str, str]:
    """Wait, at most 2 s, until the index has what the tables show; headers that say what it has not."""
    behind = await recorder.search.catch_up(CATCH_UP_SECONDS)
    return {"x-runreel-lag": f"search={behind}"} if behind else {}


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/search",
        name="search",
        summary="Search the events of all runs",
        tag="search",
        needs="read",
        handler=search,
        query=SearchQuery,
        answer=Page[SearchHit],
        problems=(StorageUnavailable,),
    ),
)

"""Events by words: the index guesses where, the tables say what is there, and one looks whether it is so."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct

from recorder.queries import runs
from recorder.queries.cursors import cursor, place_key
from recorder.queries.events import (
    EventFilter,
    Happened,
    Order,
    Place,
    add_filter,
    event_cursor,
    event_texts,
    find_place,
    happened_of,
)
from recorder.queries.pages import Conditions, marks
from recorder.queries.spaces import space_id_of
from recorder.search import Words
from recorder.search.documents import expression
from recorder.search.excerpts import excerpt
from recorder.search.index import Within
from recorder.search.indexing import Search
from recorder.store import Query, Store
from schemas.problems import EventsGone
from schemas.resources import Excerpt, Page, RunEvent, RunSummary, SearchHit

LIST = "search"
PATIENCE_SECONDS = 0.25
MOST_GUESSES = 1000
AT_ONCE = 100  # events that are read and looked at in one call to a thread

_SELECT = """
SELECT events.*, log.raw FROM log
CROSS JOIN events
  ON events.run_id = log.run_id AND events.epoch = log.epoch AND events.position = log.position
"""

_BOUNDS = tuple(
    f"SELECT epoch, position FROM events WHERE run_id = ? ORDER BY epoch {order}, position {order} LIMIT 1"
    for order in ("ASC", "DESC")
)


class Asked(Struct, frozen=True, kw_only=True):
    """What is looked for, and where: in one run, in those of a space, or in all. `filter.words` are never None."""

    filter: EventFilter
    order: Order
    run_id: str | None = None
    space_id: str | None = None

    @property
    def words(self) -> Words:
        """What the events must have."""
        assert self.filter.words is not None
        return self.filter.words


class Hit(Struct, frozen=True):
    """An event that has the words, and its run."""

    run_id: str
    happened: Happened[RunEvent]
    texts: Sequence[str]


class Looked(Struct, frozen=True):
    """Hits in order, and where to go on; None: there are no more."""

    hits: Sequence[Hit]
    end: Place | None


async def list_matching(
    store: Store,
    search: Search,
    run_id: str,
    wanted: EventFilter,
    *,
    after: str | None,
    limit: int,
    order: Order,
) -> Page[RunEvent]:
    """A page of a run's events that have the words; it may be short and not the last.

    Raises CursorInvalid, CursorExpired, RunNotFound, StorageUnavailable.
    """
    if await runs.has_gone(store, run_id):
        raise EventsGone
    place = await find_place(store, run_id, after)
    bounds = await _bounds_of(store, run_id)
    if bounds is None:
        return Page(data=[], next_cursor=None)
    asked = Asked(filter=wanted, order=order, run_id=run_id)
    looked = await _look(store, search, asked, place, limit, bounds)
    return Page(
        data=[hit.happened.resource for hit in looked.hits],
        next_cursor=event_cursor(run_id, looked.end) if looked.end else None,
    )


async def search_events(
    store: Store, search: Search, asked: Asked, after: str | None, limit: int
) -> Page[SearchHit]:
    """A page of events of all runs; it may be short and not the last. Raises CursorInvalid, StorageUnavailable."""
    place = Place(*place_key(LIST, after)) if after is not None else None
    looked = await _look(store, search, asked, place, limit)
    shown: list[SearchHit] = []
    for first in range(0, len(looked.hits), AT_ONCE):
        some = looked.hits[first : first + AT_ONCE]
        found = await _runs_of(store, some)
        shown += await asyncio.to_thread(_shown, some, found, asked.words)
    return Page(data=shown, next_cursor=cursor(LIST, looked.end) if looked.end else None)


async def _look(
    store: Store,
    search: Search,
    asked: Asked,
    after: Place | None,
    limit: int,
    bounds: tuple[Place, Place] | None = None,
) -> Looked:
    """Up to so many hits. After a quarter of a second it is enough, however few there are."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    hits, place, most = list[Hit](), after, limit + 1
    types = asked.filter.type
    sought = expression(asked.words, run_id=asked.run_id, space_id=asked.space_id, types=types)
    while True:
        found = await search.find(sought, _within(asked, place, most, bounds))
        hits += await _read(store, asked, [Place(*each) for each in found.places], limit + 1)
        place = Place(*found.end) if found.end else None
        if len(hits) > limit:
            return Looked(hits[:limit], hits[limit - 1].happened.place)
        if place is None or time.monotonic() > deadline:
            return Looked(hits, place)
        most = min(4 * most, MOST_GUESSES)


def _within(
    asked: Asked, after: Place | None, most: int, bounds: tuple[Place, Place] | None
) -> Within:
    return Within(
        after=after,
        order=asked.order,
        most=most,
        bounds=bounds,
        since=asked.filter.since,
        until=asked.filter.until,
    )


async def _bounds_of(store: Store, run_id: str) -> tuple[Place, Place] | None:
    """Where a run's events begin and end; None where there are none."""
    [first, last] = await store.rows_of_each(*((query, (run_id,)) for query in _BOUNDS))
    return (Place(*first[0]), Place(*last[0])) if first and last else None


async def _read(store: Store, asked: Asked, places: Sequence[Place], most: int) -> list[Hit]:
    """Those of the places at which there is such an event now, in their order. All of their texts are read, which is
    left to a thread.
    """
    hits: list[Hit] = []
    for first in range(0, len(places), AT_ONCE):
        some = places[first : first + AT_ONCE]
        found = await store.rows_of_each(*_queries(asked, some))
        hits += await asyncio.to_thread(_hits, asked, some, found)
        if len(hits) >= most:
            break
    return hits


def _hits(
    asked: Asked, places: Sequence[Place], found: Sequence[Sequence[sqlite3.Row]]
) -> list[Hit]:
    rows = {Place(row["epoch"], row["position"]): row for each in found for row in each}
    return [hit for place in places if place in rows and (hit := _find_hit(asked, rows[place]))]


def _find_hit(asked: Asked, row: sqlite3.Row) -> Hit | None:
    """The event, if it has the words."""
    happened = happened_of(row)
    texts = event_texts(happened.resource)
    return Hit(row["run_id"], happened, texts) if asked.words.are_in(texts) else None


def _queries(asked: Asked, places: Sequence[Place]) -> list[Query]:
    """One an epoch: the places by the log's own key, then each event by its key."""
    positions = defaultdict[int, list[int]](list)
    for place in places:
        positions[place.epoch].append(place.position)
    return [places_query(asked, epoch, some) for epoch, some in positions.items()]


def places_query(asked: Asked, epoch: int, positions: Sequence[int]) -> Query:
    """The query for the events at some positions."""
    conditions = Conditions()
    conditions.add("log.stream = 'RUNS' AND log.epoch = ?", epoch)
    conditions.add(f"log.position IN ({marks(positions)})", *positions)
    if asked.run_id is not None:
        conditions.add("log.run_id = ?", asked.run_id)
    add_filter(conditions, asked.filter)
    return f"{_SELECT} {conditions.where}", conditions.values


async def _runs_of(store: Store, hits: Sequence[Hit]) -> dict[str, RunSummary]:
    """The runs of hits, without those that are just leaving."""
    ids = list(dict.fromkeys(hit.run_id for hit in hits))
    if not ids:
        return {}
    found = await store.rows_of_each(*map(runs.one_run, ids))
    return {
        run_id: runs.summary(rows)
        for run_id, rows in zip(ids, found, strict=True)
        if rows and not runs.is_gone(rows)
    }


def _shown(hits: Sequence[Hit], found: Mapping[str, RunSummary], words: Words) -> list[SearchHit]:
    """Those whose run is there, each with an excerpt; for a thread, too."""
    return [
        SearchHit(
            run=found[hit.run_id],
            event=hit.happened.resource,
            excerpt=[Excerpt(text=text, marked=on) for text, on in excerpt(hit.texts, words)],
        )
        for hit in hits
        if hit.run_id in found
    ]


def asked_of_all(wanted: EventFilter, space_id: str | None) -> Asked:
    """A search over all runs, or those of a space, newest first."""
    space = space_id_of(space_id) if space_id is not None else None
    return Asked(filter=wanted, order="desc", space_id=space)

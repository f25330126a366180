"""Events of a run, in the order of the stream. Columns from `events`, bodies from the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Generic, Literal, NamedTuple, Self, TypeVar

from msgspec import UNSET, Struct

from recorder.entries import body_of
from recorder.queries import runs
from recorder.queries.cursors import cursor, place_key
from recorder.queries.pages import Conditions, marks
from recorder.search import Words, texts_of
from recorder.store import Query, Store
from schemas.problems import CursorExpired, EventsGone
from schemas.resources import Page, RunEvent, RunSummary

R = TypeVar("R")

Order = Literal["asc", "desc"]

_SELECT = """
SELECT events.*, log.raw FROM events
JOIN log ON log.stream = 'RUNS' AND log.epoch = events.epoch AND log.position = events.position
"""


class Place(NamedTuple):
    """A position in the order that everyone reads and resumes by."""

    epoch: int
    position: int


BEGINNING = Place(0, 0)

# Where a run's events begin and end, and what RUNS is read as now.
_BOUNDS = """
SELECT first.epoch, first.position, last.epoch, checkpoints.epoch
FROM (SELECT epoch, position FROM events WHERE run_id = :id ORDER BY epoch, position LIMIT 1) AS first
JOIN (SELECT epoch FROM events WHERE run_id = :id ORDER BY epoch DESC, position DESC LIMIT 1) AS last
LEFT JOIN checkpoints ON stream = 'RUNS'
"""


class Happened(Struct, Generic[R]):
    """An event of the run, or what else one reads in the order of the stream, and its place. `frame` is kept by the
    first who streams it.

    `tied`: more follows at its place. Who has come only so far has not read that place.
    """

    place: Place
    resource: R
    tied: bool = False
    frame: bytes | None = None

    @property
    def resume_at(self) -> Place:
        """After which one reads on, who has this one: what is tied is told again, and as it is then."""
        return self.place._replace(position=self.place.position - 1) if self.tied else self.place


class Reading(Struct, Generic[R], frozen=True):
    """A run, just before its events were read, and those events; `more`: not all that there are.

    `parked`: more of its events may come to stand after the last one and before what others show.
    """

    run: RunSummary
    parked: bool
    happened: list[Happened[R]]
    more: bool


class EventFilter(Struct, frozen=True, kw_only=True):
    """Which events; none of a kind: any. A type that ends in `*` stands for all that begin so.

    `since` and `until` are RFC 3339 UTC in milliseconds, both included. `words` are no business of the database's:
    the index finds them (`queries.search`), or one looks at the events.
    """

    type: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    page_id: str | None = None
    context_id: str | None = None
    connection_id: str | None = None
    since: str | None = None
    until: str | None = None
    words: Words | None = None

    @property
    def everything(self) -> Self:
        """The filter that leaves nothing out."""
        return type(self)()

    async def after(self, store: Store, run_id: str, place: Place, limit: int) -> Reading[RunEvent]:
        """What `events_after` finds."""
        return await events_after(store, run_id, self, place, limit)

    def matches(self, event: RunEvent) -> bool:
        """Whether an event is wanted: the same that the query asks SQLite, and its words."""
        return (
            (not self.type or any(is_type(event.type, wanted) for wanted in self.type))
            and (not self.category or event.category in self.category)
            and (not self.status or event.status in self.status)
            and self.page_id in (None, event.page_id)
            and self.context_id in (None, event.context_id)
            and self.connection_id in (None, event.connection_id)
            and (self.since is None or event.time >= self.since)
            and (self.until is None or event.time <= self.until)
            and (self.words is None or self.words.are_in(event_texts(event)))
        )


def is_type(found: str, wanted: str) -> bool:
    """Whether a type is the one that is wanted, or begins as one that ends in `*` does."""
    prefix = wanted.removesuffix("*")
    return found == wanted if prefix == wanted else found.startswith(prefix)


def event_texts(event: RunEvent) -> list[str]:
    """The texts in which one looks for words."""
    return texts_of(event.type, event.name or "", event.data)


def event_cursor(run_id: str, place: Place) -> str:
    """The cursor after a place of this run: the same on every recorder and under every filter."""
    return cursor(_list(run_id), place)


def place_of(run_id: str, text: str) -> Place:
    """The place a cursor of this run stands for. Raises CursorInvalid."""
    return Place(*place_key(_list(run_id), text))


async def list_events(
    store: Store,
    run_id: str,
    wanted: EventFilter,
    *,
    after: str | None,
    limit: int,
    order: Order,
) -> Page[RunEvent]:
    """A page of a run's events. Raises CursorInvalid, CursorExpired, RunNotFound."""
    place = await find_place(store, run_id, after)
    query = events_query(run_id, wanted, place, limit + 1, order)
    found = (await _read(store, run_id, query, limit + 1)).happened
    events = found[:limit]
    return Page(
        data=[happened.resource for happened in events],
        next_cursor=event_cursor(run_id, events[-1].place) if len(found) > limit else None,
    )


async def find_place(store: Store, run_id: str, after: str | None) -> Place | None:
    """The place that a cursor stands for, None without one.

    Raises CursorInvalid, and CursorExpired where events after it have left.
    """
    if after is None:
        return None
    place = place_of(run_id, after)
    refuse_if_left(await store.rows(*bounds_of(run_id)), run_id, place, event_cursor)
    return place


def bounds_of(run_id: str) -> Query:
    """The query for where a run's events begin and end."""
    return _BOUNDS, {"id": run_id}


def refuse_if_left(
    bounds: Sequence[sqlite3.Row], run_id: str, place: Place, cursor_at: Callable[[str, Place], str]
) -> None:
    """Raises CursorExpired where events of the run after a place have left; `cursor_at` spells the first cursor."""
    for row in bounds:
        first, *epochs = Place(row[0], row[1]), row[0], row[2], row[3]
        before_first = first._replace(position=first.position - 1)
        if place < before_first or place.epoch not in epochs:
            raise CursorExpired(details={"firstCursor": cursor_at(run_id, before_first)})


async def events_after(
    store: Store, run_id: str, wanted: EventFilter, place: Place, limit: int
) -> Reading[RunEvent]:
    """The run, and then the next events after a place, each with its own.

    Raises RunNotFound, CursorExpired.
    """
    query = events_query(run_id, wanted, place, limit, "asc")
    return await _read(store, run_id, query, limit)


async def _read(store: Store, run_id: str, query: Query, limit: int) -> Reading[RunEvent]:
    """Both in one call to a reader's thread, which costs more than either."""
    run, events = await store.rows_of_each(runs.one_run(run_id), query)
    if runs.is_gone(run):
        raise EventsGone
    happened = [happened_of(row) for row in events]
    return Reading(runs.summary(run), runs.is_parked(run), happened, more=len(events) >= limit)


def events_query(
    run_id: str, wanted: EventFilter, place: Place | None, limit: int, order: Order
) -> Query:
    """The query for a page: along the primary key from the place on, and no other run."""
    conditions = Conditions()
    conditions.add("events.run_id = ?", run_id)
    add_filter(conditions, wanted)
    if place is not None:
        beyond = ">" if order == "asc" else "<"
        conditions.add(f"(events.epoch, events.position) {beyond} (?, ?)", *place)
    sql = (
        f"{_SELECT} {conditions.where}"
        f" ORDER BY events.epoch {order}, events.position {order} LIMIT ?"
    )
    return sql, (*conditions.values, limit)


def add_filter(conditions: Conditions, wanted: EventFilter) -> None:
    """All that a filter asks of the table."""
    add_types(conditions, wanted.type)
    conditions.one_of("category", wanted.category)
    conditions.one_of("status", wanted.status)
    for column in ("page_id", "context_id", "connection_id"):
        if (value := getattr(wanted, column)) is not None:
            conditions.add(f"{column} = ?", value)
    if wanted.since is not None:
        conditions.add("time >= ?", wanted.since)
    if wanted.until is not None:
        conditions.add("time <= ?", wanted.until)


def add_types(conditions: Conditions, types: Sequence[str], column: str = "type") -> None:
    """One of these types, each as `is_type` understands it; no types: any."""
    if not types:
        return
    exact = [wanted for wanted in types if not wanted.endswith("*")]
    prefixes = [wanted.removesuffix("*") for wanted in types if wanted.endswith("*")]
    texts = [f"substr({column}, 1, ?) = ?"] * len(prefixes)
    values: list[object] = [part for prefix in prefixes for part in (len(prefix), prefix)]
    if exact:
        texts.append(f"{column} IN ({marks(exact)})")
        values += exact
    conditions.add(f"({' OR '.join(texts)})", *values)


def _list(run_id: str) -> str:
    return f"events:{run_id}"


def _place(row: sqlite3.Row) -> Place:
    return Place(row["epoch"], row["position"])


def happened_of(row: sqlite3.Row) -> Happened[RunEvent]:
    """A row of the table, with its event's `raw` from the log."""
    return Happened(_place(row), _event(row))


def _event(row: sqlite3.Row) -> RunEvent:
    duration_ms = row["duration_ms"]
    return RunEvent(
        id=row["id"],
        type=row["type"],
        category=row["category"],
        time=row["time"],
        sequence=row["sequence"],
        source=row["source"],
        late=bool(row["late"]),
        data=body_of(row["raw"]),
        status=row["status"] or UNSET,
        name=row["name"] or UNSET,
        page_id=row["page_id"] or UNSET,
        context_id=row["context_id"] or UNSET,
        connection_id=row["connection_id"] or UNSET,
        duration_seconds=UNSET if duration_ms is None else duration_ms / 1000,
    )

"""Activity of a run: in the order in which it began, and, for those who follow, in the order of its last changes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Literal, Self

import msgspec
from msgspec import UNSET, Raw, Struct

from recorder.queries import runs
from recorder.queries.cursors import cursor, place_key
from recorder.queries.events import (
    Happened,
    Order,
    Place,
    Reading,
    add_types,
    bounds_of,
    is_type,
    refuse_if_left,
)
from recorder.queries.pages import Conditions
from recorder.search import Words
from recorder.search.texts import bounded
from recorder.store import Query, Store
from schemas.problems import EventsGone
from schemas.resources import ActivityItem, Page

MOST_DEPTH = 20  # of what is nested; what would stand deeper stands beside its parent
LOOKED_AT_ONCE = 250
MOST_LOOKED_AT = 2000  # items of one page in which words are looked for

# Not a part of anything that is shown.
_STANDS_ALONE = """
(item.parent_position IS NULL OR NOT EXISTS (
  SELECT 1 FROM activity AS parent WHERE {parent} AND parent.epoch = item.parent_epoch
    AND parent.position = item.parent_position))
"""


class ActivityFilter(Struct, frozen=True, kw_only=True):
    """Which items; none of a kind: any. A type that ends in `*` stands for all that begin so. Without a view, all.

    `words` are no business of the database's: a story is short enough to be read.
    """

    view: Literal["normal"] | None = None
    type: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    invocation_id: str | None = None
    file_id: str | None = None
    words: Words | None = None

    @property
    def everything(self) -> Self:
        """The filter that leaves nothing out."""
        return type(self)()

    async def after(
        self, store: Store, run_id: str, place: Place, limit: int
    ) -> Reading[ActivityItem]:
        """What `changes_after` finds."""
        return await changes_after(store, run_id, self, place, limit)

    def matches(self, item: ActivityItem) -> bool:
        """Whether an item is wanted: the same that the query asks SQLite, and its words."""
        return (
            self.view in (None, item.view)
            and (not self.type or any(is_type(item.type, wanted) for wanted in self.type))
            and (not self.category or item.category in self.category)
            and (not self.severity or item.severity in self.severity)
            and self.invocation_id in (None, item.invocation_id)
            and self.file_id in (None, item.file_id)
            and (self.words is None or self.words.are_in(activity_texts(item)))
        )


def activity_cursor(run_id: str, place: Place) -> str:
    """The cursor after a place of this run: the same on every recorder and under every filter."""
    return cursor(_list(run_id), place)


async def find_place(store: Store, run_id: str, after: str | None) -> Place | None:
    """The place that a cursor stands for, None without one. Raises CursorInvalid, CursorExpired."""
    if after is None:
        return None
    place = _place_of(run_id, after)
    refuse_if_left(await store.rows(*bounds_of(run_id)), run_id, place, activity_cursor)
    return place


async def list_activity(
    store: Store,
    run_id: str,
    wanted: ActivityFilter,
    *,
    after: str | None,
    limit: int,
    order: Order,
    nested: bool = False,
) -> Page[ActivityItem]:
    """A page of a run's activity; `nested` gives those that stand alone, each with its parts.

    Raises CursorInvalid, CursorExpired, RunNotFound.
    """
    place = None if after is None else _place_of(run_id, after)
    asked = [page_query(run_id, wanted, place, limit + 1, order, nested=nested)]
    if nested:
        asked.append(parts_query(run_id, wanted, order))
    rows, *parts = await _read(store, run_id, place, *asked)
    shown = rows[:limit]
    return Page(
        data=trees(shown, parts[0]) if nested else [_item(row) for row in shown],
        next_cursor=activity_cursor(run_id, _place(shown[-1])) if len(rows) > limit else None,
    )


async def _read(
    store: Store, run_id: str, place: Place | None, *asked: Query
) -> list[list[sqlite3.Row]]:
    """The rows of queries after a place, all in one call to a reader's thread, which costs more than each of them."""
    run, bounds, *found = await store.rows_of_each(runs.one_run(run_id), bounds_of(run_id), *asked)
    if place is not None:
        refuse_if_left(bounds, run_id, place, activity_cursor)
    runs.summary(run)
    if runs.is_gone(run):
        raise EventsGone
    return found


async def list_matching(
    store: Store,
    run_id: str,
    wanted: ActivityFilter,
    *,
    after: str | None,
    limit: int,
    order: Order,
) -> Page[ActivityItem]:
    """A page of a run's activity that has the words; it may be short, or empty, and not be the last.

    Raises as `list_activity` does.
    """
    place = None if after is None else _place_of(run_id, after)
    found: list[Happened[ActivityItem]] = []
    for _ in range(MOST_LOOKED_AT // LOOKED_AT_ONCE):
        [rows] = await _read(
            store, run_id, place, page_query(run_id, wanted, place, LOOKED_AT_ONCE, order)
        )
        found += await asyncio.to_thread(_matching, rows, wanted)
        if len(found) > limit or len(rows) < LOOKED_AT_ONCE:
            return _page_of(run_id, found[:limit], more=len(found) > limit)
        place = _place(rows[-1])
    end = None if place is None else activity_cursor(run_id, place)
    return Page(data=[each.resource for each in found], next_cursor=end)


def _matching(rows: Sequence[sqlite3.Row], wanted: ActivityFilter) -> list[Happened[ActivityItem]]:
    """Those that are wanted; for a thread, since all of their texts are read."""
    looked_at = [Happened(_place(row), _item(row)) for row in rows]
    return [each for each in looked_at if wanted.matches(each.resource)]


def _page_of(
    run_id: str, found: Sequence[Happened[ActivityItem]], *, more: bool
) -> Page[ActivityItem]:
    return Page(
        data=[each.resource for each in found],
        next_cursor=activity_cursor(run_id, found[-1].place) if more else None,
    )


def activity_texts(item: ActivityItem) -> list[str]:
    """The texts in which one looks for words: its message, and all in its data but ids and who did it."""
    data = msgspec.json.decode(item.data) if isinstance(item.data, Raw) else item.data
    return bounded(chain([item.message], _texts(data)))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name != "by" and not name.endswith(("Id", "Ids")):
                yield from _texts(each)


async def changes_after(
    store: Store, run_id: str, wanted: ActivityFilter, place: Place, limit: int
) -> Reading[ActivityItem]:
    """The run, and the next items that changed after a place, each at the place of its last change.

    One event may change several: they are all read or none, so it may be more than `limit`. Raises RunNotFound,
    CursorExpired.
    """
    query = changes_query(run_id, wanted, place, limit)
    run, rows = await store.rows_of_each(runs.one_run(run_id), query)
    if runs.is_gone(run):
        raise EventsGone
    kept, more = untied(rows, limit)
    if rows and not kept:  # all of one place, and it may have more
        return await changes_after(store, run_id, wanted, place, 10 * limit)
    places = [_changed(row) for row in kept]
    ties = [*(place == following for place, following in pairwise(places)), False]
    happened = [
        Happened(place, _item(row), tied)
        for place, row, tied in zip(places, kept, ties, strict=False)
    ]
    return Reading(runs.summary(run), runs.is_parked(run), happened, more)


def untied(rows: Sequence[sqlite3.Row], limit: int) -> tuple[Sequence[sqlite3.Row], bool]:
    """Those of whose place none can be missing, and whether there are more. Pure."""
    if len(rows) < limit:
        return rows, False
    last = _changed(rows[-1])
    return [row for row in rows if _changed(row) < last], True


def page_query(
    run_id: str,
    wanted: ActivityFilter,
    place: Place | None,
    limit: int,
    order: Order,
    *,
    nested: bool = False,
) -> Query:
    """The query for a page: along the primary key from the place on, and no other run."""
    conditions = _conditions(run_id, wanted, "item")
    if place is not None:
        beyond = ">" if order == "asc" else "<"
        conditions.add(f"(item.epoch, item.position) {beyond} (?, ?)", *place)
    if nested:
        parent = _conditions(run_id, wanted, "parent")
        text = _STANDS_ALONE.format(parent=" AND ".join(parent.texts))
        conditions.add(text, *parent.values)
    sql = (
        f"SELECT * FROM activity AS item {conditions.where}"
        f" ORDER BY item.epoch {order}, item.position {order} LIMIT ?"
    )
    return sql, (*conditions.values, limit)


def parts_query(run_id: str, wanted: ActivityFilter, order: Order) -> Query:
    """The query for all that is a part of something; a story holds thousands of them at most."""
    conditions = _conditions(run_id, wanted, "item")
    conditions.add("item.parent_position IS NOT NULL")
    sql = (
        f"SELECT * FROM activity AS item {conditions.where}"
        f" ORDER BY item.epoch {order}, item.position {order}"
    )
    return sql, conditions.values


def changes_query(run_id: str, wanted: ActivityFilter, place: Place, limit: int) -> Query:
    """The query for what changed after a place, in the order of the changes."""
    conditions = _conditions(run_id, wanted, "item")
    conditions.add("(item.changed_epoch, item.changed_position) > (?, ?)", *place)
    sql = (
        f"SELECT * FROM activity AS item INDEXED BY activity_by_change {conditions.where}"
        " ORDER BY item.changed_epoch, item.changed_position, item.epoch, item.position LIMIT ?"
    )
    return sql, (*conditions.values, limit)


def trees(alone: Sequence[sqlite3.Row], parts: Iterable[sqlite3.Row]) -> list[ActivityItem]:
    """Items with their parts in them, in the order of the rows. Pure."""
    by_parent: dict[Place, list[sqlite3.Row]] = defaultdict(list)
    for row in parts:
        by_parent[Place(row["parent_epoch"], row["parent_position"])].append(row)
    found = []
    for row in alone:
        children: list[ActivityItem] = []
        found.append(_item(row, children))
        _hang(_place(row), children, by_parent)
    return found


def _hang(
    place: Place, children: list[ActivityItem], by_parent: Mapping[Place, list[sqlite3.Row]]
) -> None:
    """All that is a part of what stands at a place, level by level."""
    level = [(place, children)]
    for depth in range(len(by_parent) + 1):
        below: list[tuple[Place, list[ActivityItem]]] = []
        for parent, beside in level:
            for row in by_parent.get(parent, ()):
                own: list[ActivityItem] = []
                beside.append(_item(row, own))
                below.append((_place(row), own if depth < MOST_DEPTH else beside))
        if not below:
            return
        level = below


def _conditions(run_id: str, wanted: ActivityFilter, table: str) -> Conditions:
    conditions = Conditions()
    conditions.add(f"{table}.run_id = ?", run_id)
    if wanted.view is not None:
        conditions.add(f"{table}.view = ?", wanted.view)
    add_types(conditions, wanted.type, f"{table}.type")
    conditions.one_of(f"{table}.category", wanted.category)
    conditions.one_of(f"{table}.severity", wanted.severity)
    if wanted.invocation_id is not None:
        conditions.add(f"{table}.invocation_id = ?", wanted.invocation_id)
    if wanted.file_id is not None:
        conditions.add(f"{table}.file_id = ?", wanted.file_id)
    return conditions


def _place_of(run_id: str, after: str) -> Place:
    return Place(*place_key(_list(run_id), after))


def _list(run_id: str) -> str:
    return f"activity:{run_id}"


def _place(row: sqlite3.Row) -> Place:
    return Place(row["epoch"], row["position"])


def _changed(row: sqlite3.Row) -> Place:
    return Place(row["changed_epoch"], row["changed_position"])


def _item(row: sqlite3.Row, children: list[ActivityItem] | None = None) -> ActivityItem:
    duration_ms = row["duration_ms"]
    return ActivityItem(
        id=row["id"],
        type=row["type"],
        category=row["category"],
        message=row["message"],
        time=row["time"],
        severity=row["severity"],
        view=row["view"],
        status=row["status"] or UNSET,
        duration_seconds=UNSET if duration_ms is None else duration_ms / 1000,
        duration_ms=UNSET if duration_ms is None else duration_ms,
        parent_id=row["parent_id"] or UNSET,
        invocation_id=row["invocation_id"] or UNSET,
        tool_call_id=row["tool_call_id"] or UNSET,
        file_id=row["file_id"] or UNSET,
        data=Raw(row["data"]),
        children=UNSET if children is None else children,
    )

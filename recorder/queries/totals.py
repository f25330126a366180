"""What runs took over a time: of all, or by space, runtime or a field of their runtimes' metadata.

Settled ones by their digests, which stay. What has no digest yet, because it goes on or ended a moment ago, is
counted apart. Digests are written in the order of the runs' ends, so those without one come after the newest; but
for a run that was parked, and is in neither part for the moment between its going on and its digest. (To ask of each
run whether it has one makes the totals of 100,000 six times as dear.)
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

from msgspec import Struct, structs

from recorder.projections.digests import CREDITS, QUANTITIES
from recorder.queries.cursors import cursor, time_key
from recorder.queries.spaces import space_id_of
from recorder.queries.usage import COUNTED, reckoned, used
from recorder.store import Query, Store
from schemas.resources import RunsUsed, UsageGroup, UsageTotals
from schemas.times import rfc3339
from schemas.usage import MOST, Quantities, RateCard, credits_for

LIST = "usage"
By = Literal["space", "runtime", "metadata"]

_KEYS = {
    None: ("NULL", "NULL"),
    "space": ("space_id", "space_id"),
    "runtime": ("runtime_id", "runtime_id"),
    "metadata": (
        "(SELECT value FROM json_each(metadata) WHERE key = :field)",
        """(SELECT value FROM runtimes, json_each(kept_metadata)
            WHERE runtimes.id = runs.runtime_id AND key = :field)""",
    ),
}
_MILLISECONDS = """
max(0, coalesce(CAST(round(86400000.0
  * (julianday(coalesce(finished_at, :now)) - julianday(coalesce(started_at, created_at)))) AS INTEGER), 0))
"""
_PENDING = f"""
SELECT %(key)s AS key, {_MILLISECONDS} AS runtime_ms, 1 AS counted, {COUNTED},
  {", ".join(f"NULL AS {name}" for name in CREDITS)}
FROM runs INDEXED BY %(index)s LEFT JOIN usage ON usage.run_id = runs.id
"""
_IN_SPACE = "(:space_id IS NULL OR space_id = :space_id)"
# Not `sum` of what is counted: it raises where it does not fit into 64 bits.
_SUMS = ", ".join(
    ["count(*) AS runs"]
    + [f"total({name}) AS {name}" for name in ("runtime_ms", "counted", *QUANTITIES)]
    + [f"sum({name}) AS {name}" for name in CREDITS]
)
# Each part is added up where it is read: rows that are put together first cost five times as much.
_TAKEN = f"""
SELECT %(settled_key)s AS key, 1 AS settled, {_SUMS} FROM digest_usage
WHERE finished_at >= :since AND finished_at < :until AND {_IN_SPACE} %(grouped)s
UNION ALL
SELECT key, 0 AS settled, {_SUMS} FROM (
  SELECT * FROM (%(open)s
    WHERE finished_at IS NULL AND :now >= :since AND :now < :until AND {_IN_SPACE}
      AND NOT EXISTS (SELECT 1 FROM digests WHERE digests.id = runs.id))
  UNION ALL
  SELECT * FROM (%(ended)s
    WHERE finished_at >= :since AND finished_at < :until AND {_IN_SPACE}
      AND (end_epoch, end_position) > (
        coalesce((SELECT end_epoch FROM digests ORDER BY end_epoch DESC, end_position DESC LIMIT 1), 0),
        coalesce((SELECT end_position FROM digests ORDER BY end_epoch DESC, end_position DESC LIMIT 1), 0))))
%(grouped)s
"""
_GROUPS = "SELECT * FROM (%s) WHERE %s ORDER BY key, settled LIMIT :most"
BEGINNING, NEVER = "", "~"  # before and after every time
_NOTHING_BEFORE, _NO_KEY, _KEY = "1", "key IS NOT NULL", "key > :after"


class Wanted(Struct, frozen=True, kw_only=True):
    """Of which runs, and how they are told apart; `since` is included, `until` is not. `field` is one of metadata."""

    since: str | None = None
    until: str | None = None
    space_id: str | None = None
    by: By | None = None
    field: str | None = None


class Totals:
    """Adds up, for one who asks at a time: who asks for years keeps one of the few readers busy, and no more."""

    def __init__(self, store: Store, card: RateCard | None) -> None:
        self._store = store
        self._card = card
        self._turn = asyncio.Lock()

    async def get(self, wanted: Wanted, after: str | None, limit: int) -> UsageTotals:
        """What they took, and a page of groups where groups are asked for. Raises CursorInvalid."""
        now = rfc3339(time.time_ns())
        asked = [all_query(wanted, now)]
        if wanted.by is not None:
            asked.append(groups_query(wanted, now, after, limit))
        async with self._turn:
            all_rows, *of_groups = await self._store.rows_of_each(*asked)
        settled, pending = _parts(all_rows, self._card)
        totals = UsageTotals(
            **_fields(settled),
            pending=pending,
            since=wanted.since,
            until=wanted.until,
            computed_at=now,
        )
        return self._with_groups(totals, of_groups[0], limit) if of_groups else totals

    def _with_groups(
        self, totals: UsageTotals, rows: Sequence[sqlite3.Row], limit: int
    ) -> UsageTotals:
        groups = list(_groups(rows, self._card))
        more = len(groups) > limit
        return structs.replace(
            totals, groups=groups[:limit], next_cursor=_cursor(groups[limit - 1]) if more else None
        )


def all_query(wanted: Wanted, now: str) -> Query:
    """The query for the totals: a row of what is settled and one of what is pending."""
    return _taken(None), _values(wanted, now)


def groups_query(wanted: Wanted, now: str, after: str | None, limit: int) -> Query:
    """The query for a page of groups and one more, with at most two rows each."""
    condition, key = _NOTHING_BEFORE, ""
    if after is not None:
        kind, key = time_key(LIST, after)
        condition = _KEY if kind == "key" else _NO_KEY
    values = {**_values(wanted, now), "after": key, "most": 2 * (limit + 1)}
    return _GROUPS % (_taken(wanted.by), condition), values


def _taken(by: By | None) -> str:
    settled_key, key = _KEYS[by]
    return _TAKEN % {
        "settled_key": settled_key,
        "grouped": "" if by is None else "GROUP BY key",
        "open": _PENDING % {"key": key, "index": "runs_open"},
        "ended": _PENDING % {"key": key, "index": "runs_by_end"},
    }


def _values(wanted: Wanted, now: str) -> dict[str, Any]:
    return {
        "since": wanted.since or BEGINNING,
        "until": wanted.until or NEVER,
        "space_id": None if wanted.space_id is None else space_id_of(wanted.space_id),
        "field": wanted.field,
        "now": now,
    }


def _groups(rows: Sequence[sqlite3.Row], card: RateCard | None) -> Iterator[UsageGroup]:
    for key, of_key in groupby(rows, key=lambda row: row["key"]):
        settled, pending = _parts(list(of_key), card)
        yield UsageGroup(**_fields(settled), key=key, pending=pending)


def _cursor(group: UsageGroup) -> str:
    """After a group; the one without a key is the first."""
    return cursor(LIST, ("none", "") if group.key is None else ("key", group.key))


def _parts(rows: Sequence[sqlite3.Row], card: RateCard | None) -> tuple[RunsUsed, RunsUsed]:
    """What is settled and what is pending; of the latter the credits are by the card."""
    found = {bool(row["settled"]): row for row in rows}
    return _sums(found.get(True), None), _sums(found.get(False), card)


def _sums(row: sqlite3.Row | None, card: RateCard | None) -> RunsUsed:
    if row is None or not row["runs"]:
        costs = None if card is None else credits_for(card, Quantities(), 0)
        return RunsUsed(**used(Quantities(), 0, costs), runs=0, unavailable=0)
    counted = Quantities(**{name: min(MOST, int(row[name])) for name in QUANTITIES})
    runtime_ms = int(row["runtime_ms"])
    costs = reckoned(row) if card is None else credits_for(card, counted, runtime_ms / 1000)
    return RunsUsed(
        **used(counted, runtime_ms, costs),
        runs=row["runs"],
        unavailable=row["runs"] - int(row["counted"]),
    )


def _fields(found: RunsUsed) -> dict[str, Any]:
    return {name: getattr(found, name) for name in RunsUsed.__struct_fields__}

"""What could not be projected, and how it goes on: for people, by command.

`retry` tries again from the message that parked its owner. `skip` lets that one message pass, as if its
type were unknown (its envelope is still counted and listed), or not at all where even that cannot be read.
Both go on with all that has waited behind it, in order, and may be called at any time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from recorder.entries import INTERRUPTED, Code
from recorder.news import News
from recorder.parking import Culprit
from recorder.store import Query, Step, Store, Transaction, go_on
from recorder.store.healing import retry_owner

_SELECT = """
SELECT quarantine.stream, quarantine.epoch, quarantine.position, quarantine.owner, code, projection,
  reason, skipped, subject, event_id, length(raw),
  CASE WHEN skipped THEN 0 ELSE (
    SELECT count(*) FROM log AS waiting
    WHERE waiting.parked AND waiting.parked_owner = quarantine.owner
      AND waiting.stream = quarantine.stream) END
FROM quarantine LEFT JOIN log ON log.stream = quarantine.stream
  AND log.epoch = quarantine.epoch AND log.position = quarantine.position
"""
_ORDER = "ORDER BY quarantine.stream, quarantine.epoch, quarantine.position"
_COUNT = """
SELECT count(*) FROM
  (SELECT DISTINCT stream, owner FROM quarantine WHERE NOT skipped AND owner != '')
"""
_STREAMS = "SELECT DISTINCT stream FROM quarantine WHERE NOT skipped AND owner = ?"
_SKIP = """
UPDATE quarantine SET skipped = 1
WHERE stream = ? AND epoch = ? AND position = ? AND code != ? AND NOT skipped RETURNING owner
"""


class NotQuarantined(LookupError):
    """There is nothing in the quarantine that this could be about."""


class Quarantined(Struct, frozen=True, kw_only=True, rename="camel"):
    """A message that could not be projected. `waiting` counts its owner's messages that wait, itself too.

    `owner` is a run's id, `<resource>/<id>` of CONTROL, or '' where the message names nobody.
    """

    stream: str
    epoch: int
    position: int
    owner: str
    code: Code
    projection: str
    reason: str
    skipped: bool
    subject: str | None
    event_id: str | None
    size_bytes: int | None
    waiting: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of an owner: how many messages went on, and what it is parked at now, if it still is."""

    owner: str
    went_on: int
    culprits: Sequence[Culprit]


async def retry(store: Store, news: News, owner: str) -> Outcome:
    """Go on with all that waits for an owner. Raises NotQuarantined."""
    streams = await store.rows(_STREAMS, (owner,))
    if not streams:
        raise NotQuarantined(f"Nothing of {owner or 'nobody'} is parked.")
    went_on, culprits = 0, list[Culprit]()
    for (stream,) in streams:
        count, stopped_by = await retry_owner(store, store.projections, stream, owner)
        went_on += count
        culprits += stopped_by
    news.ring(owner)
    return Outcome(owner=owner, went_on=went_on, culprits=culprits)


async def skip(store: Store, news: News, stream: str, epoch: int, position: int) -> Outcome:
    """Let one message pass, and go on with all that waits behind it. Raises NotQuarantined."""
    place = (stream, epoch, position)
    owner, step = await store.write(partial(_skip, store=store, place=place))
    went_on, culprits = step.went_on, step.culprits
    if step.more:
        count, culprits = await retry_owner(store, store.projections, stream, owner)
        went_on += count
    news.ring(owner)
    return Outcome(owner=owner, went_on=went_on, culprits=culprits)


def listing(owner: str | None = None) -> Query:
    """The query for all that is in the quarantine, or all of one owner, in the order of the streams."""
    if owner is None:
        return f"{_SELECT} {_ORDER}", ()
    return f"{_SELECT} WHERE quarantine.owner = ? {_ORDER}", (owner,)


def read_all(connection: sqlite3.Connection, owner: str | None = None) -> list[Quarantined]:
    """The same on a connection of one's own, which may be read-only."""
    return [_quarantined(row) for row in connection.execute(*listing(owner))]


async def find_all(store: Store, owner: str | None = None) -> list[Quarantined]:
    """The same through the store."""
    return [_quarantined(row) for row in await store.rows(*listing(owner))]


async def count_parked(store: Store) -> int:
    """How many owners are parked."""
    [(count,)] = await store.rows(_COUNT)
    return int(count)


def _skip(transaction: Transaction, store: Store, place: tuple[str, int, int]) -> tuple[str, Step]:
    """Both at once, for an owner whose culprit is skipped is parked no more."""
    owners = transaction.rows(_SKIP, (*place, INTERRUPTED))
    if not owners:
        raise NotQuarantined(
            "There is no such message in the quarantine, or it was skipped already."
        )
    [(owner,)] = owners
    return owner, go_on(transaction, store.projections, place[0], owner)


def _quarantined(row: Sequence[Any]) -> Quarantined:
    given = dict(zip(Quarantined.__struct_fields__, row, strict=True))
    return Quarantined(**(given | {"skipped": bool(given["skipped"])}))

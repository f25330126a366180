"""Owners that are parked, on SQLite: who they are, and how they go on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import structlog
from msgspec import Struct

from recorder.entries import INTERRUPTED, Entry, Message, envelope_of, fresh, read
from recorder.holders import hold, runs_in
from recorder.parking import (
    NOBODY,
    NOTHING_STANDS,
    Culprit,
    Place,
    Sorted,
    Standing,
    is_of_the_message,
    reason_of,
    sort_out,
    take_apart,
)
from recorder.projections.projection import Projection
from recorder.store.writer import Row, Transaction, in_chunks

log = structlog.get_logger()

CHUNK = 1000  # parked rows that one transaction takes

_IS_THERE_ANY = """
SELECT
  EXISTS (SELECT 1 FROM quarantine WHERE NOT skipped AND stream = ?),
  EXISTS (SELECT 1 FROM quarantine WHERE stream = ? AND (epoch, position) >= (?, ?))
"""
_SKIPPED = """
SELECT epoch, position FROM quarantine
WHERE stream = ? AND (epoch, position) >= (?, ?) AND (epoch, position) <= (?, ?) AND skipped
"""
_WAITING = """
SELECT id, stream, epoch, position, subject, raw, event_id FROM log
WHERE parked AND parked_owner = ? AND stream = ? ORDER BY epoch, position LIMIT ?
"""
_GO_ON = "UPDATE log SET parked = 0, parked_owner = NULL, event_id = ?, run_id = ? WHERE id = ?"
_FORGET = "DELETE FROM log WHERE id = ?"
_UNPARK = "DELETE FROM quarantine WHERE NOT skipped AND stream = ? AND owner = ?"


class Step(NamedTuple):
    """How one step of going on went: messages that went on, who stops it, whether more wait."""

    went_on: int
    culprits: Sequence[Culprit]
    more: bool


class Projecting(Struct, frozen=True):
    """Projects entries in a transaction, and finds those that cannot be projected."""

    transaction: Transaction
    projections: Sequence[Projection]

    def project(self, entries: Sequence[Entry], standing: Standing) -> Sorted:
        """All that may be projected, in order. The rest is only sorted, not written."""
        if not standing.skipped:
            found = sort_out(entries, standing.parked)
            if self._together(found.good):
                return found
        return self.one_by_one(entries, standing)

    def one_by_one(self, entries: Sequence[Entry], standing: Standing) -> Sorted:
        """The same, each alone: of a batch that cannot be projected as a whole."""
        return take_apart(entries, standing, self._alone, self._let_pass)

    def _together(self, entries: Sequence[Entry]) -> bool:
        try:
            with self.transaction.attempt():
                for projection in self.projections:
                    self.transaction.run(projection.project(entries))
        except Exception as error:
            if not is_of_the_message(error):
                raise
            return False
        return True

    def _alone(self, entry: Entry) -> tuple[str, str] | None:
        name = ""
        try:
            with self.transaction.attempt():
                for projection in self.projections:
                    name = projection.name
                    self.transaction.run(projection.project((entry,)))
        except Exception as error:
            if not is_of_the_message(error):
                raise
            return name, reason_of(error)
        return None

    def _let_pass(self, entry: Entry) -> None:
        """As if its type were unknown; in a projection that cannot take even that, not at all."""
        for projection in self.projections:
            Projecting(self.transaction, (projection,))._together((envelope_of(entry),))


def standing_of(transaction: Transaction, entries: Sequence[Entry]) -> Standing:
    """What the quarantine says about entries of one stream, in their order."""
    stream, first = entries[0].message.stream, entries[0].place
    [(parked, from_here_on)] = transaction.rows(_IS_THERE_ANY, (stream, stream, *first))
    if not parked and not from_here_on:
        return NOTHING_STANDS
    return Standing(parked=_parked(transaction, entries), skipped=_skipped(transaction, entries))


def go_on(
    transaction: Transaction, projections: Sequence[Projection], stream: str, owner: str
) -> Step:
    """Project the owner's next parked messages. It stays parked at a culprit, and while more wait.

    What nobody owns is taken all at once, for each of those messages waits alone.
    """
    size = CHUNK if owner != NOBODY else -1
    rows = transaction.rows(_WAITING, (owner, stream, size + 1 if size > 0 else size))
    chunk, rest = (rows[:size], rows[size:]) if size > 0 else (rows, [])
    if not chunk:
        return Step(0, (), False)
    transaction.execute(_UNPARK, (stream, owner))
    found = _project_parked(transaction, projections_of(stream, projections), chunk)
    interrupted = [_interrupted(row, owner) for row in rest if not found.culprits]
    transaction.park((), [*found.culprits, *interrupted])
    return Step(len(found.good), found.culprits, bool(interrupted))


def judged(transaction: Transaction, entries: Sequence[Entry]) -> Sequence[Entry]:
    """What the log has, with those refused whose worker does not hold their run."""
    known = transaction.holders(list(runs_in(entries)))
    held = hold(entries, known)
    transaction.hold(held.new(known))
    return held.entries


def tell_parked(culprits: Sequence[Culprit]) -> None:
    """A line of the log for what was put into the quarantine: one of all alike, with the first and how many.

    Or who floods a run that another worker holds would flood the log, too.
    """
    alike: dict[tuple[str, ...], list[Culprit]] = {}
    for each in culprits:
        key = (each.stream, each.owner, each.code, each.projection, each.reason)
        alike.setdefault(key, []).append(each)
    for same in alike.values():
        log.warning("projector.parked", **same[0]._asdict(), messages=len(same))


def projections_of(stream: str, projections: Sequence[Projection]) -> list[Projection]:
    """Those that a stream feeds."""
    return [projection for projection in projections if projection.stream == stream]


def _project_parked(
    transaction: Transaction, projections: Sequence[Projection], rows: Sequence[Row]
) -> Sorted:
    entries = judged(transaction, [_reread(row) for row in rows])
    new = list(fresh(entries, transaction.known_ids(_revealed(entries, rows))))
    standing = Standing(skipped=_skipped(transaction, entries))
    found = Projecting(transaction, projections).project(new, standing)
    good, new_places = {entry.place for entry in found.good}, {entry.place for entry in new}
    for row, entry in zip(rows, entries, strict=True):
        if entry.place in good:
            transaction.execute(_GO_ON, (entry.event_id, entry.run_id, row[0]))
        elif entry.place not in new_places:
            transaction.execute(_FORGET, (row[0],))
    return found


def _reread(row: Row) -> Entry:
    _, stream, epoch, position, subject, raw, _ = row
    return read(Message(stream=stream, epoch=epoch, position=position, subject=subject, body=raw))


def _revealed(entries: Sequence[Entry], rows: Sequence[Row]) -> list[str]:
    """Ids that no program before this one could read: such a message may be a copy of another."""
    return [
        entry.event_id
        for entry, row in zip(entries, rows, strict=True)
        if entry.event_id and row[6] is None
    ]


def _parked(transaction: Transaction, entries: Sequence[Entry]) -> set[str]:
    stream = entries[0].message.stream
    owners = list({entry.owner for entry in entries} - {NOBODY})
    return {
        row[0]
        for some in in_chunks(owners)
        for row in transaction.rows(_are_parked(len(some)), (stream, *some))
    }


def _skipped(transaction: Transaction, entries: Sequence[Entry]) -> set[Place]:
    stream, first, last = entries[0].message.stream, entries[0].place, entries[-1].place
    return {(row[0], row[1]) for row in transaction.rows(_SKIPPED, (stream, *first, *last))}


def _interrupted(row: Row, owner: str) -> Culprit:
    """Keeps the owner parked between two transactions, and tells the next start to go on."""
    _, stream, epoch, position, *_ = row
    return Culprit(
        stream, epoch, position, owner, INTERRUPTED, "", "The retry has not come here yet."
    )


@lru_cache
def _are_parked(count: int) -> str:
    return f"""
    SELECT owner FROM quarantine
    WHERE NOT skipped AND stream = ? AND owner IN ({",".join("?" * count)})"""

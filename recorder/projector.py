"""Messages into the log and the tables: `plan` decides what changes, `Projector` carries it out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from msgspec import structs

from recorder.checkpoint import Checkpoint
from recorder.entries import Entry, Message, fresh, read
from recorder.holders import Held, hold
from recorder.news import News
from recorder.parking import (
    NOTHING_STANDS,
    Culprit,
    Sorted,
    Standing,
    is_of_the_message,
    sort_out,
)
from recorder.projections.projection import Change, Projection
from recorder.store import Batch, LogRow, Store, Transaction
from recorder.store.parked import Projecting, projections_of, standing_of, tell_parked


class BatchBeforeFailed(Exception):
    """The batch before was not written, so this one may not be."""


class Projector:
    """Applies batches of one stream's messages, in stream order, each whole or not at all."""

    def __init__(self, store: Store, news: News, projections: Sequence[Projection]) -> None:
        self._store = store
        self._news = news
        self._projections = projections
        self._newest: dict[str, asyncio.Future[None]] = {}

    async def apply(self, messages: Sequence[Message]) -> None:
        """Project messages that are newer than the checkpoint; committed when this returns.

        May be called again before that: what is next is read while SQLite writes. Batches of a stream
        are written in the order of the calls, and one fails with the one before it.
        """
        last = messages[-1]
        async with self._turn(last.stream) as before:
            entries = [read(message) for message in messages]
            held = hold(entries)
            job = self._job(held)
            if before is not None:
                await before
            culprits = await self._store.write(job)
        tell_parked(culprits)
        runs = {entry.run_id for entry in held.entries if entry.run_id}
        self._news.announce(last.stream, last.epoch, last.position, runs)

    @asynccontextmanager
    async def _turn(self, stream: str) -> AsyncIterator[asyncio.Future[None] | None]:
        """The batch before this one, None where that is done already."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before, self._newest[stream] = self._newest.get(stream), mine
        try:
            yield before
        except BaseException as error:
            mine.set_exception(BatchBeforeFailed(str(error)))
            mine.exception()  # whoever comes next is told; if nobody does, that is no error
            raise
        else:
            mine.set_result(None)
        finally:
            if self._newest[stream] is mine:
                del self._newest[stream]

    def _job(self, held: Held) -> Callable[[Transaction], Sequence[Culprit]]:
        """Planned here and now, in the hope that all events are new, nobody is parked, and each run is held by the
        first that writes in it here, as mostly.
        """
        hoped = _find_plan(held.entries, self._projections)
        return partial(project, held=held, projections=self._projections, hoped=hoped)


def project(
    transaction: Transaction,
    held: Held,
    projections: Sequence[Projection],
    hoped: Batch | None = None,
) -> Sequence[Culprit]:
    """Write what entries of one stream change; the messages that parked their owner.

    `hoped` is what they change if the log knows none of them and nobody was parked before. A batch that cannot
    be projected as a whole is taken apart; only there it costs more.
    """
    held_before = transaction.holders(list(held.holders))
    if any(held.holders[run_id] != worker for run_id, worker in held_before.items()):
        held, hoped = hold(held.read, held_before), None
    entries, holders = held.entries, held.new(held_before)
    known = transaction.known_ids([entry.event_id for entry in entries if entry.event_id])
    standing = standing_of(transaction, entries)
    if known or standing is not NOTHING_STANDS or hoped is None:
        hoped = _find_plan(entries, projections, known, standing)
    if hoped is not None and _fits(transaction, structs.replace(hoped, holders=holders)):
        return hoped.culprits
    found = _take_apart(transaction, entries, projections, known, standing)
    transaction.hold(holders)
    return found


def _find_plan(
    entries: Sequence[Entry],
    projections: Sequence[Projection],
    known: Collection[str] = (),
    standing: Standing = NOTHING_STANDS,
) -> Batch | None:
    """What the entries change together; None if they must be projected one by one."""
    if standing.skipped:
        return None
    try:
        return plan(entries, known, projections, standing.parked)
    except Exception as error:
        if not is_of_the_message(error):
            raise
        return None


def _take_apart(
    transaction: Transaction,
    entries: Sequence[Entry],
    projections: Sequence[Projection],
    known: Collection[str],
    standing: Standing,
) -> Sequence[Culprit]:
    new = tuple(fresh(entries, known))
    fed = projections_of(entries[0].message.stream, projections)
    found = Projecting(transaction, fed).one_by_one(new, standing)
    transaction.apply(_batch(entries, new, (), found))
    return found.culprits


def plan(
    entries: Sequence[Entry],
    known: Collection[str],
    projections: Sequence[Projection],
    parked: Collection[str] = (),
) -> Batch:
    """What entries of one stream change, given the event ids that the log holds already, and who is
    parked. Raises what a projection raises.
    """
    new = tuple(fresh(entries, known))
    found = sort_out(new, parked)
    return _batch(entries, new, tuple(_changes(found.good, projections)), found)


def _batch(
    entries: Sequence[Entry], new: Sequence[Entry], changes: Sequence[Change], found: Sorted
) -> Batch:
    last = entries[-1].message
    return Batch(
        log=[_log_row(entry) for entry in new],
        changes=changes,
        checkpoint=Checkpoint(
            stream=last.stream,
            epoch=last.epoch,
            position=last.position,
            message_id=last.message_id,
        ),
        waiting=found.waiting,
        culprits=found.culprits,
    )


def _fits(transaction: Transaction, batch: Batch) -> bool:
    """Apply it, unless the database refuses what a message says; then nothing is done."""
    try:
        transaction.apply(batch)
    except Exception as error:
        if not is_of_the_message(error):
            raise
        transaction.begin_anew()
        return False
    return True


def _changes(entries: Sequence[Entry], projections: Sequence[Projection]) -> Iterator[Change]:
    for projection in projections:
        if entries and entries[0].message.stream == projection.stream:
            yield from projection.project(entries)


def _log_row(entry: Entry) -> LogRow:
    message = entry.message
    return LogRow(  # by position, for there are many
        message.stream,
        message.epoch,
        message.position,
        entry.event_id,
        entry.run_id,
        message.subject,
        message.body,
    )

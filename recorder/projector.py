"""Messages into the log and the tables: `plan` decides what changes, `Projector` carries it out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager

import structlog

from recorder.checkpoint import Checkpoint
from recorder.entries import Entry, Message, read
from recorder.news import News
from recorder.projections.projection import Change, Projection
from recorder.store import Batch, LogRow, Store, Transaction

log = structlog.get_logger()


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
            _log_unreadable(entries)
            job = self._job(entries)
            if before is not None:
                await before
            await self._store.write(job)
        runs = {entry.run_id for entry in entries if entry.run_id}
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

    def _job(self, entries: Sequence[Entry]) -> Callable[[Transaction], None]:
        """Planned here and now, in the hope that all events are new, as they mostly are."""
        event_ids = [entry.event_id for entry in entries if entry.event_id]
        batch = plan(entries, (), self._projections)

        def job(transaction: Transaction) -> None:
            known = transaction.known_ids(event_ids)
            transaction.apply(plan(entries, known, self._projections) if known else batch)

        return job


def plan(
    entries: Sequence[Entry], known: Collection[str], projections: Sequence[Projection]
) -> Batch:
    """What entries of one stream change, given the event ids that the log holds already."""
    new = tuple(fresh(entries, known))
    last = entries[-1].message
    return Batch(
        log=[_log_row(entry) for entry in new],
        changes=tuple(_changes(new, projections)),
        checkpoint=Checkpoint(
            stream=last.stream,
            epoch=last.epoch,
            position=last.position,
            message_id=last.message_id,
        ),
    )


def fresh(entries: Sequence[Entry], known: Collection[str]) -> Iterator[Entry]:
    """Entries whose event is seen for the first time; what cannot be read is always kept."""
    seen = set(known)
    for entry in entries:
        event_id = entry.event_id
        if event_id is None:
            yield entry
        elif event_id not in seen:
            seen.add(event_id)
            yield entry


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
        entry.error,
    )


def _log_unreadable(entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.error:
            log.warning(
                "projector.unreadable",
                stream=entry.message.stream,
                position=entry.message.position,
                subject=entry.message.subject,
                reason=entry.error,
            )

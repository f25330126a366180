"""Messages into the log and the tables: `plan` decides what changes, `Projector` carries it out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import structlog

from recorder.checkpoint import Checkpoint
from recorder.entries import Entry, Message, read
from recorder.news import News
from recorder.projections.projection import Change, Projection
from recorder.store import Batch, LogRow, Store, Transaction

log = structlog.get_logger()


class Projector:
    """Applies batches of one stream's messages, in stream order, each whole or not at all."""

    def __init__(self, store: Store, news: News, projections: Sequence[Projection]) -> None:
        self._store = store
        self._news = news
        self._projections = projections

    async def apply(self, messages: Sequence[Message]) -> None:
        """Project messages that are newer than the checkpoint; committed when this returns."""
        entries = [read(message) for message in messages]
        _log_unreadable(entries)
        await self._store.write(self._job(entries))
        last = messages[-1]
        runs = {entry.run_id for entry in entries if entry.run_id}
        self._news.announce(last.stream, last.epoch, last.position, runs)

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
        if entry.event_id not in seen:
            yield entry
        if entry.event_id is not None:
            seen.add(entry.event_id)


def _changes(entries: Sequence[Entry], projections: Sequence[Projection]) -> Iterator[Change]:
    for projection in projections:
        if entries and entries[0].message.stream == projection.stream:
            yield from projection.project(entries)


def _log_row(entry: Entry) -> LogRow:
    message = entry.message
    return LogRow(
        stream=message.stream,
        epoch=message.epoch,
        position=message.position,
        event_id=entry.event_id,
        run_id=entry.run_id,
        subject=message.subject,
        raw=message.body,
        error=entry.error,
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

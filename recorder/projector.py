"""Messages into the log and the tables: `plan` decides what changes, `Projector` carries it out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import structlog

from recorder.checkpoint import Checkpoint
from recorder.entries import Entry, Message, read
from recorder.news import News
from recorder.projections.projection import Projection, Statement
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

        async def job(transaction: Transaction) -> None:
            known = await transaction.known_ids([e.event_id for e in entries if e.event_id])
            await transaction.apply(plan(entries, known, self._projections))

        await self._store.write(job)
        last = messages[-1]
        runs = {entry.run_id for entry in entries if entry.run_id}
        self._news.announce(last.stream, last.epoch, last.position, runs)


def plan(
    entries: Sequence[Entry], known: Collection[str], projections: Sequence[Projection]
) -> Batch:
    """What entries of one stream change, given the event ids that the log holds already."""
    new = tuple(fresh(entries, known))
    last = entries[-1].message
    return Batch(
        log=[_log_row(entry) for entry in new],
        statements=tuple(_statements(new, projections)),
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


def _statements(entries: Sequence[Entry], projections: Sequence[Projection]) -> Iterator[Statement]:
    """Table by table, so that each table's changes can go to SQLite in one call."""
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

"""`given(events).when(batch, times=n).then(rows)`: what projections make of a stream, on real SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from recorder.checkpoint import Checkpoint
from recorder.entries import Message
from recorder.news import News
from recorder.ops.dump import lines
from recorder.projections import PROJECTIONS
from recorder.projector import Projector
from recorder.store import Store, Transaction, open_store
from schemas import codec, subjects
from schemas.envelope import Event, recorder_source
from schemas.events import EventData, type_of
from tests.support.recorder_worker import new_id

EPOCH = 1_800_000_000_000


def message(position: int, event: Event, stream: str = subjects.RUNS) -> Message:
    """An event as the stream has it at a position."""
    if stream == subjects.RUNS:
        writer = event.source.rpartition("/")[2]
        subject = subjects.run_event(event.spaceid, str(event.runid), writer, event.type)
    else:
        subject = subjects.control_event(event.spaceid, "thing", "id", "happened")
    return raw_message(position, subject, codec.encode_event(event), event.id, stream)


def raw_message(
    position: int, subject: str, body: bytes, message_id: str = "", stream: str = subjects.RUNS
) -> Message:
    return Message(
        stream=stream,
        epoch=EPOCH,
        position=position,
        subject=subject,
        body=body,
        message_id=message_id,
    )


def fact(data: EventData, space_id: str) -> Event:
    """What a recorder writes on CONTROL."""
    kind = type_of(data)
    return Event(
        id=new_id(),
        source=recorder_source("r1"),
        type=kind.name,
        time="2026-01-01T00:00:00.000Z",
        spaceid=space_id,
        data=msgspec.Raw(codec.encode(data)),
    )


class Spec:
    """A stream's first messages, and the tables that come of them."""

    def __init__(self, directory: Path, before: Sequence[Message]) -> None:
        self._directory = directory
        self._before = list(before)
        self._then: list[list[Message]] = []

    def when(self, batch: Sequence[Message], times: int = 1) -> Spec:
        """Apply a batch, again and again as a redelivery would, each copy at positions of its own."""
        self._then += [list(batch) for _ in range(times)]
        return self

    async def then(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query once all is applied."""
        async with open_store(self._directory / "spec.db", PROJECTIONS) as store:
            await apply(store, self._before)
            for number, batch in enumerate(self._then):
                await apply(store, _moved(batch, number * 1000))
            return [dict(row) for row in await store.rows(sql)]


def given(directory: Path, *before: Message) -> Spec:
    """Start from a stream that has these messages already."""
    return Spec(directory, before)


async def apply(store: Store, batch: Sequence[Message]) -> None:
    """One batch through the real projector."""
    if batch:
        await Projector(store, News(), store.projections).apply(batch)


async def dump(store: Store) -> str:
    """Everything in the tables that count, and the checkpoints, in a canonical form."""

    def read(transaction: Transaction) -> list[str]:
        checkpoints = transaction.rows("SELECT * FROM checkpoints ORDER BY stream")
        return [*lines(transaction.rows, store.projections), *map(repr, checkpoints)]

    return "\n".join(await store.write(read))


async def checkpoint(store: Store, stream: str = subjects.RUNS) -> Checkpoint | None:
    return await store.find_checkpoint(stream)


def _moved(batch: Sequence[Message], by: int) -> list[Message]:
    return [
        raw_message(each.position + by, each.subject, each.body, each.message_id, each.stream)
        for each in batch
    ]

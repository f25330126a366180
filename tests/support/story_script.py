"""A run's log written as a script, and the activity that it makes: no stream, no database, only the fold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import UNSET

from recorder.entries import Entry, Message, read
from recorder.projections.activity import values_of
from recorder.story import state as states
from recorder.story.fold import fold, is_told
from recorder.story.state import Row, State
from recorder.story.words import message_of
from schemas import codec
from schemas.envelope import Event, worker_source
from schemas.events import EventData, type_of
from schemas.ids import derived_id
from schemas.times import rfc3339
from tests.support import recorder_spec as spec

RUN = "run-1"
START_MS = 1_795_000_000_000
PAGE = "page-1"
CLIENT = "connection-1"


class Script:
    """Events of one run, each some milliseconds after the one before it."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.messages: list[Message] = []

    def say(
        self, data: EventData, *, after: int = 10, page: str = "", client: str = "", **envelope: Any
    ) -> Script:
        """One more event."""
        return self.say_raw(
            type_of(data).name,
            codec.encode(data),
            after=after,
            page=page,
            client=client,
            dataversion=type_of(data).version,
            **envelope,
        )

    def say_raw(
        self,
        kind: str,
        body: bytes,
        *,
        after: int = 10,
        page: str = "",
        client: str = "",
        **more: Any,
    ) -> Script:
        """The same of a type that has no struct."""
        self.now_ms += after
        position = len(self.messages) + 1
        event = Event(
            id=derived_id("script", str(position)),
            source=worker_source("w1"),
            type=kind,
            time=rfc3339(self.now_ms * 1_000_000),
            spaceid="s",
            runid=RUN,
            runtimeid="t",
            data=msgspec.Raw(body),
            pageid=page or UNSET,
            connectionid=client or UNSET,
            **more,
        )
        self.messages.append(spec.message(position, event))
        return self

    @property
    def entries(self) -> list[Entry]:
        """As the projector reads them."""
        return [read(message) for message in self.messages]

    @property
    def rows(self) -> list[Row]:
        """The story, told at once."""
        return tell(self.entries)[0]

    @property
    def normal(self) -> list[str]:
        """Its sentences as a customer reads them."""
        return [message_of(row) for row in self.rows if row.view == "normal"]

    def row(self, row_type: str) -> Row:
        """The only row of a type."""
        (found,) = [row for row in self.rows if row.type == row_type]
        return found


def tell(entries: Sequence[Entry], cuts: Sequence[int] = ()) -> tuple[list[Row], State | None]:
    """The rows of one run as they are after all its entries, cut into batches before these indexes."""
    rows: dict[tuple[int, int], Row] = {}
    state: bytes | None = None
    bounds = [0, *sorted(cuts), len(entries)]
    for start, end in pairwise(bounds):
        if batch := [entry for entry in entries[start:end] if is_told(entry)]:
            told = fold(states.from_bytes(state) if state is not None else None, batch, RUN)
            rows |= {(row.epoch, row.position): row for row in _kept(told.rows)}
            state = states.to_bytes(told.state)
    final = states.from_bytes(state) if state is not None else None
    return [rows[place] for place in sorted(rows)], final


def _kept(rows: Sequence[Row]) -> list[Row]:
    """As the table keeps them: nothing changes them after their batch."""
    return [msgspec.msgpack.decode(msgspec.msgpack.encode(row), type=Row) for row in rows]


def as_table(rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """As the table has them."""
    return [values_of(RUN, row) for row in rows]


__all__ = ["CLIENT", "PAGE", "RUN", "Script", "as_table", "tell"]

"""From a message of a stream to an entry of the log. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import UNSET, Struct

from schemas import envelope, subjects
from schemas.codec import (
    EventFromTheFuture,
    EventUnreadable,
    decode_data,
    decode_event,
    is_text,
)
from schemas.envelope import Event
from schemas.events import EventData
from schemas.ids import is_fact_id

Code = Literal[
    "event.unreadable",
    "event.misplaced",
    "event.from_the_future",
    "event.worker_mismatch",
    "projection.failed",
    "retry.interrupted",
]
UNREADABLE: Code = "event.unreadable"
MISPLACED: Code = "event.misplaced"
FROM_THE_FUTURE: Code = "event.from_the_future"
WORKER_MISMATCH: Code = "event.worker_mismatch"
PROJECTION_FAILED: Code = "projection.failed"
INTERRUPTED: Code = "retry.interrupted"

MOST_DIGITS = 18
# A server stores what is published to `runs.*.x`, and tokens of any bytes but blanks.
_TOKEN = re.compile(r"[a-z0-9_-]{1,64}")
RUNS_PREFIX = subjects.ALL_RUNS.removesuffix(">")


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """What a stream holds at one position.

    `epoch` is when the stream was created, in ms since 1970; `position` its sequence; `message_id`
    the header `Nats-Msg-Id`, empty where there is none.
    """

    stream: str
    epoch: int
    position: int
    subject: str
    body: bytes
    message_id: str = ""


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """A message, read.

    `event` is None where the envelope could not be read, `data` where the body could not be or its
    type is unknown; `error` says why and `code` of which kind it is, both None where nothing is wrong.
    """

    message: Message
    event: Event | None = None
    data: EventData | None = None
    error: str | None = None
    code: Code | None = None

    @property
    def event_id(self) -> str | None:
        """The event's identity; a second message with it changes nothing."""
        return self.event.id if self.event else None

    @property
    def run_id(self) -> str | None:
        """The run that the event, or else the subject, belongs to. None of a worker that does not hold it."""
        if self.code == WORKER_MISMATCH:
            return None
        if self.event is not None:
            return self.event.runid or None
        return run_of(self.message.subject)

    @property
    def owner(self) -> str:
        """Whose rows the message makes: a run's id, or `<resource>/<id>` on CONTROL; '' is nobody."""
        if self.code == WORKER_MISMATCH:
            return ""
        return owner_of(self.message.subject)

    @property
    def place(self) -> tuple[int, int]:
        """Epoch and position."""
        return self.message.epoch, self.message.position


def read(message: Message) -> Entry:
    """Read a message as far as it can be read; never raises."""
    try:
        event = decode_event(message.body)
    except EventUnreadable as error:
        return Entry(message=message, error=str(error), code=UNREADABLE)
    if wrong := _misnumbered(event):
        return Entry(message=message, error=wrong, code=UNREADABLE)
    if wrong := _misplaced(message.subject, event):
        return Entry(message=message, error=wrong, code=MISPLACED)
    try:
        return Entry(message=message, event=event, data=decode_data(event))
    except EventUnreadable as error:
        return Entry(message=message, event=event, error=str(error), code=UNREADABLE)
    except EventFromTheFuture as error:
        return Entry(message=message, event=event, error=str(error), code=FROM_THE_FUTURE)


def envelope_of(entry: Entry) -> Entry:
    """The entry as if its type were unknown: what an operator lets pass is projected so. Where even its
    envelope cannot be passed on, it has no event.
    """
    event = entry.event if entry.event is not None and is_text(entry.event.data) else None
    return Entry(message=entry.message, event=event)


def owner_of(subject: str) -> str:
    """Whose rows a message on a subject makes: a run's id, or `<resource>/<id>`; '' where it names none."""
    tokens = subject.split(".", 4)
    if len(tokens) < 5:
        return ""
    return tokens[2] if tokens[0] == "runs" else f"{tokens[2]}/{tokens[3]}"


def fresh(entries: Iterable[Entry], known: Collection[str]) -> Iterator[Entry]:
    """Entries whose event is seen for the first time; what cannot be read is always kept."""
    seen = set(known)
    for entry in entries:
        event_id = entry.event_id
        if event_id is None:
            yield entry
        elif event_id not in seen:
            seen.add(event_id)
            yield entry


def run_of(subject: str) -> str | None:
    """The run that a subject of RUNS names."""
    tokens = subject.split(".")
    return tokens[2] if tokens[0] == "runs" and len(tokens) > 2 else None


def body_of(raw: bytes) -> msgspec.Raw:
    """The body of a stored event, without reading the rest of it."""
    return _body_decoder.decode(raw).data


class _Body(Struct):
    data: msgspec.Raw = msgspec.Raw(b"{}")


_body_decoder = msgspec.json.Decoder(_Body)


def _misnumbered(event: Event) -> str | None:
    """Numbers go into 64-bit columns; a longer one must not stop the projections."""
    if event.sequence and not (event.sequence.isdecimal() and len(event.sequence) <= MOST_DIGITS):
        return f"{event.type} has the sequence {event.sequence[:40]!r}, which is no number"
    if event.durationms is not UNSET and abs(event.durationms) >= 10**MOST_DIGITS:
        return f"{event.type} has an impossible duration"
    return None


def _misplaced(subject: str, event: Event) -> str | None:
    """Permissions are given by subject, so what a subject says binds the envelope."""
    if not subject.startswith(RUNS_PREFIX):
        return None
    tokens = subject.split(".", 4)
    if len(tokens) < 5 or not _are_tokens(*tokens[1:4]):
        return f"the subject {subject} names no run and writer"
    if not event.runid or not event.runtimeid:
        return f"{event.type} names no run and runtime"
    _, space_id, run_id, writer, _ = tokens
    if event.spaceid != space_id or event.runid != run_id:
        return f"{event.type} says another space or run than its subject {subject}"
    if not _is_source_of(writer, event.source):
        return f"{event.type} comes from {event.source}, but its subject is {writer}'s"
    if writer != subjects.RECORDER and is_fact_id(event.id):
        return f"{event.type} has the id {event.id}, of a kind that only recorders give"
    return None


@lru_cache(4096)  # for a run has many events
def _are_tokens(*given: str) -> bool:
    return all(_TOKEN.fullmatch(each) for each in given)


def _is_source_of(writer: str, source: str) -> bool:
    if writer == subjects.RECORDER:
        return source.startswith(envelope.RECORDERS)
    return source == envelope.worker_source(writer)

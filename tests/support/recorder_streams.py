"""Any stream at all, for properties that hold over every projection: each event type there is, few runs and resources
that meet again and again, copies, and what nobody can read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from recorder.entries import Message
from schemas import codec, subjects
from schemas.envelope import Event, recorder_source, sequence_text, worker_source
from schemas.events import EVENT_TYPES, EventData, EventType
from tests.support import recorder_spec as spec
from tests.support.recorder_worker import new_id
from tests.support.worker_examples import largest, smallest

STEP = 10  # room between two messages for copies of earlier ones
LONGEST = 30
SPACES = ("space-1", "space-2")
NAMES = ("one", "two", "three")  # of runs and of resources
TIMES = tuple(f"2026-01-01T00:00:0{second}.000Z" for second in range(5))
# What changes more than a count.
OFTEN = {
    subjects.RUNS: ("runtime.lifecycle", "command."),
    subjects.CONTROL: ("space.", "runtime.", "run.", "key."),
}
STATUSES: tuple[Any, ...] = ("started", "stopped", "failed", msgspec.UNSET)


@st.composite
def streams(draw: st.DrawFn, stream: str) -> list[Message]:
    """Up to 30 messages of RUNS or CONTROL in order, with no event twice."""
    often = [kind for name, kind in EVENT_TYPES.items() if name.startswith(OFTEN[stream])]
    kind = st.one_of(st.sampled_from(often), st.sampled_from([*EVENT_TYPES.values(), None]))
    kinds = draw(st.lists(kind, min_size=2, max_size=LONGEST))
    made = (_message(draw, stream, at, kind) for at, kind in enumerate(kinds, 1))
    return list(made)


def _message(draw: st.DrawFn, stream: str, at: int, kind: EventType | None) -> Message:
    """The event number `at`; without a kind, one whose body is no event."""
    space, name = draw(st.sampled_from(SPACES)), draw(st.sampled_from(NAMES))
    if kind is None:
        body, message_id, subject = b'{"id": ', "", _subject(stream, space, name, "x.y", "w1")
    else:
        writer = draw(st.sampled_from(["w1", subjects.RECORDER]))
        event = _event(draw, kind, at, space, name, writer)
        body, message_id = codec.encode_event(event), event.id
        subject = _subject(stream, space, name, kind.name, writer)
    return spec.raw_message(at * STEP, subject, body, message_id, stream)


def _event(draw: st.DrawFn, kind: EventType, at: int, space: str, name: str, writer: str) -> Event:
    by_worker = writer != subjects.RECORDER
    return Event(
        id=new_id(),
        source=worker_source(writer) if by_worker else recorder_source("r1"),
        type=kind.name,
        time=draw(st.sampled_from(TIMES)),
        spaceid=space,
        runid=name,
        runtimeid=f"runtime-of-{name}",
        sequence=sequence_text(at) if by_worker else "",
        dataversion=kind.version,
        status=draw(st.sampled_from(STATUSES)),
        data=msgspec.Raw(codec.encode(_data(draw, kind))),
    )


def _data(draw: st.DrawFn, kind: EventType) -> EventData:
    """A small or a large body, with ids that meet others and any of the words that may stand in it."""
    data = draw(st.sampled_from([smallest, largest]))(kind)
    changes: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind.struct):
        info = inspect.type_info(field.type)
        if field.name.endswith("_id") and isinstance(getattr(data, field.name), str):
            changes[field.name] = draw(st.sampled_from(NAMES))
        elif isinstance(info, inspect.LiteralType):
            changes[field.name] = draw(st.sampled_from(info.values))
    return msgspec.structs.replace(data, **changes)


def _subject(stream: str, space: str, name: str, kind: str, writer: str) -> str:
    if stream == subjects.RUNS:
        return subjects.run_event(space, name, writer, kind)
    resource, _, happening = kind.partition(".")
    return subjects.control_event(space, f"{resource}s", name, happening.replace(".", "-"))


@st.composite
def repeated(draw: st.DrawFn, messages: Sequence[Message]) -> list[Message]:
    """The same stream, with copies of some of its events at places after them."""
    copies = []
    for message in messages:
        if message.message_id and draw(st.integers(0, 3)) == 0:
            after = draw(st.integers(message.position // STEP, len(messages)))
            copies.append((message, after * STEP + draw(st.integers(1, STEP - 1))))
    moved = {
        at: spec.raw_message(at, copy.subject, copy.body, copy.message_id, copy.stream)
        for copy, at in copies
    }
    return sorted([*messages, *moved.values()], key=lambda message: message.position)


@st.composite
def cut(draw: st.DrawFn, messages: Sequence[Message]) -> list[list[Message]]:
    """The stream in batches."""
    batches: list[list[Message]] = []
    for message in messages:
        if not batches or draw(st.booleans()):
            batches.append([])
        batches[-1].append(message)
    return batches

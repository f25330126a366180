"""What is remembered of a run between two of its events, so that its story can go on. Bounded.

It is kept as MessagePack, so it holds nothing but what survives that: no sets, no tuples, no number beyond 64 bits.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
from msgspec import Struct, field

from schemas.resources.activity import ActivityStatus, ActivityView, Severity

MOST_ROWS = 1000  # of a type and run; what comes after that is counted
MOST_OPEN = 200  # rows that may still change
MOST_PAGES = 100
MOST_GROUPS = 50  # of a page: what is told once, however often it happens
MOST_CLIENTS = 100
MOST_ACTS = 50
MOST_WAITING = 200  # commands, calls, downloads, solves that have not ended

Data = dict[str, Any]


class Row(Struct, array_like=True):
    """One row of the story, as far as it is known. `number` counts a run's rows from 1; 0 is a row that is not told.

    `data` is what the API shows, `about` what only its words are made of. `changed_*` is where the last event stands
    that changed it.
    """

    number: int
    epoch: int
    position: int
    id: str
    type: str
    view: ActivityView
    time: str
    status: ActivityStatus = "started"
    severity: Severity = "info"
    data: Data = field(default_factory=dict)
    about: Data = field(default_factory=dict)
    duration_ms: int | None = None
    parent_epoch: int | None = None
    parent_position: int | None = None
    parent_id: str | None = None
    invocation_id: str | None = None
    tool_call_id: str | None = None
    file_id: str | None = None
    changed_epoch: int = 0
    changed_position: int = 0


class Visit(Struct, array_like=True):
    """A page at one URL, from the start of its navigation to the next one. `row` tells of it; 0: nothing does.

    `arrived`: a document came of it. `settled`: it was told how it came out. `traffic` is the row of its requests.
    """

    row: int = 0
    loader_id: str = ""
    url: str = ""
    since: str = ""
    arrived: bool = False
    settled: bool = True
    traffic: int = 0
    requests: int = 0
    failed: int = 0
    bytes: int = 0
    hosts: dict[str, int] = field(default_factory=dict)


class Page(Struct, array_like=True):
    """A tab or popup. `groups` are the rows of what happened on it more than once, by what that was."""

    row: int = 0
    url: str = ""
    title: str = ""
    visit: Visit = field(default_factory=Visit)
    groups: dict[str, int] = field(default_factory=dict)
    dialog: int = 0
    click: int = 0
    burst: int = 0  # visits that came fast, one after the other
    acted_at: str = ""
    acted_by: Data | None = None
    focus: dict[str, Data] = field(default_factory=dict)  # which element a client's keys go to


class Client(Struct, array_like=True):
    """Somebody who is attached."""

    row: int = 0
    user_agent: str = ""


class Step(Struct, array_like=True):
    """A hosted action's step: the one that is done now, or was last. `parent` is what its row is to those below it,
    also when that is closed.
    """

    row: int
    invocation: int
    parent: Row
    page_id: str = ""
    ended_at: str = ""


class State(Struct, array_like=True):
    """All that is remembered of a run. `epoch` and `position` are where its first event stands."""

    run_id: str
    epoch: int
    position: int
    made: int = 0
    ended: bool = False
    rows: dict[int, Row] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    more: dict[str, Row] = field(default_factory=dict)
    late: Row | None = None
    pages: dict[str, Page] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)  # open rows by what joins their events
    acts: dict[str, int] = field(
        default_factory=dict
    )  # rows that go on, by the page or by who calls
    unweighed_bytes: int = 0  # of events, since it was looked how large this has become
    quiet_after: str = ""  # before that, silence has ended none of them
    step: Step | None = None
    launching: int = 0
    model: int = 0  # the row of the model that was used last
    clicks_told: bool = False  # the log tells of clicks, and not of mouse buttons only


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def to_bytes(state: State) -> bytes:
    """A state as the table keeps it."""
    return _encoder.encode(state)


class StateUnreadable(sqlite3.DatabaseError):
    """What the table keeps of a run is no state. No message is to blame for that, so none is parked by it: the batch
    fails, and is tried again until the tables were made anew.
    """


def from_bytes(kept: bytes) -> State:
    """A state as the table kept it. Raises StateUnreadable."""
    try:
        return _decoder.decode(kept)
    except msgspec.MsgspecError as error:
        raise StateUnreadable(
            f"A state in the table activity_state cannot be read ({error}). "
            "`runreel rebuild --projection activity` makes the table anew."
        ) from error

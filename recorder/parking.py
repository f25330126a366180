"""Whose messages go on into the tables and whose wait: an owner parks at what cannot be projected.

A culprit is a message that cannot be read, or that makes a projection raise. It parks its owner (a run, or
a resource of CONTROL): its rows stay in the log, and none of that owner's goes to any projection until the
culprit is retried or skipped. All others go on. What is decided depends on the order of the messages
alone, so any cut into batches gives the same tables, log and quarantine.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from msgspec import Struct, field

from recorder.entries import PROJECTION_FAILED, Code, Entry

NOBODY = ""
MOST_REASON_CHARACTERS = 500
Place = tuple[int, int]

# What SQLite says of values and rows. Its other errors (disk full, locked, broken file) are about the
# machine: they fail the batch, which is tried again.
_OF_THE_MESSAGE = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
_OF_THE_MACHINE = (sqlite3.Error, MemoryError, OSError)


class Culprit(NamedTuple):
    """A message that parked its owner, as the quarantine keeps it. `projection` is '' where none raised."""

    stream: str
    epoch: int
    position: int
    owner: str
    code: Code
    projection: str
    reason: str


class Standing(Struct, frozen=True, kw_only=True):
    """What the quarantine says about some messages: owners that are parked, places that are skipped."""

    parked: Collection[str] = frozenset()
    skipped: Collection[Place] = frozenset()


NOTHING_STANDS = Standing()


# Projects one entry, wholly or not at all: None, or the projection that raised and what it said.
Project = Callable[[Entry], tuple[str, str] | None]
LetPass = Callable[[Entry], None]


class Sorted(Struct, kw_only=True):
    """Entries, each in one of two ways, in their order. Culprits are among those that wait."""

    good: Sequence[Entry] = field(default_factory=list)
    waiting: list[Entry] = field(default_factory=list)
    culprits: list[Culprit] = field(default_factory=list)


class Gate:
    """Entries come to it in their order; it remembers who is parked."""

    def __init__(self, parked: Collection[str]) -> None:
        self._parked = set(parked)
        self.good: list[Entry] = []
        self.sorted = Sorted(good=self.good)

    def admits(self, entry: Entry) -> bool:
        """Whether it may be projected; else it waits, and may have parked its owner."""
        if entry.owner in self._parked:
            self.sorted.waiting.append(entry)
        elif entry.code is not None:
            self.park(entry, entry.code, "", entry.error or "")
        else:
            return True
        return False

    def is_parked(self, entry: Entry) -> bool:
        """Whether its owner waits already."""
        return entry.owner in self._parked

    def park(self, entry: Entry, code: Code, projection: str, reason: str) -> None:
        """Its owner waits from this entry on; what has no owner waits alone."""
        owner = entry.owner
        if owner != NOBODY:
            self._parked.add(owner)
        self.sorted.waiting.append(entry)
        self.sorted.culprits.append(
            Culprit(entry.message.stream, *entry.place, owner, code, projection, reason)
        )


def sort_out(entries: Sequence[Entry], parked: Collection[str] = ()) -> Sorted:
    """Who goes on, judged by what can be known without projecting. Pure."""
    if not parked and all(entry.code is None for entry in entries):
        return Sorted(good=entries)
    gate = Gate(parked)
    gate.good.extend(entry for entry in entries if gate.admits(entry))
    return gate.sorted


def take_apart(
    entries: Sequence[Entry], standing: Standing, project: Project, let_pass: LetPass
) -> Sorted:
    """The same, entry by entry, each projected before the next: finds those that cannot be."""
    gate = Gate(standing.parked)
    for entry in entries:
        if entry.place in standing.skipped and not gate.is_parked(entry):
            let_pass(entry)
            gate.good.append(entry)
        elif gate.admits(entry):
            if (raised := project(entry)) is None:
                gate.good.append(entry)
            else:
                gate.park(entry, PROJECTION_FAILED, *raised)
    return gate.sorted


def is_of_the_message(error: Exception) -> bool:
    """Whether an error that came of projecting is the message's fault, and will come again with it."""
    return isinstance(error, _OF_THE_MESSAGE) or not isinstance(error, _OF_THE_MACHINE)


def reason_of(error: Exception) -> str:
    """An error as one line of the quarantine."""
    return f"{type(error).__name__}: {error}"[:MOST_REASON_CHARACTERS]

"""Which worker holds a run: the first that wrote on a subject of it. What another one writes there is refused.

A run's id is random, and made by the worker that holds it, so that none writes first by mistake. By intent one may: the
claim says the id before the run's first event, and each worker's account reads claims. Against a host that was broken
into this is no wall (deploy/SECURITY.md). The rule knows subjects and their order alone, which the server vouches for,
so it comes to the same at any batch size, live and rebuilt. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from recorder.entries import RUNS_PREFIX, WORKER_MISMATCH, Entry
from schemas import subjects

_RUNS = RUNS_PREFIX.removesuffix(".")


class Held(Struct, frozen=True):
    """Entries of one stream as they were read, and `entries`: the same, those of a worker that does not hold their run
    refused. `holders` are the workers of all runs in them.
    """

    read: Sequence[Entry]
    entries: Sequence[Entry]
    holders: Mapping[str, str]

    def new(self, known: Mapping[str, str]) -> list[tuple[str, str]]:
        """Runs and workers beyond those that were known."""
        return [each for each in self.holders.items() if each[0] not in known]


def hold(entries: Sequence[Entry], known: Mapping[str, str] | None = None) -> Held:
    """Judge entries in their order, given who holds what by now."""
    holders = dict(known or {})
    foreign = {}
    for at, entry in enumerate(entries):
        wrote = _wrote(entry.message.subject)
        if wrote is not None and holders.setdefault(*wrote) != wrote[1]:
            foreign[at] = _refused(entry, *wrote, holder=holders[wrote[0]])
    if not foreign:
        return Held(entries, entries, holders)
    return Held(entries, [foreign.get(at, entry) for at, entry in enumerate(entries)], holders)


def runs_in(entries: Iterable[Entry]) -> set[str]:
    """The runs that workers wrote in."""
    return {wrote[0] for entry in entries if (wrote := _wrote(entry.message.subject))}


def _refused(entry: Entry, run_id: str, worker: str, holder: str) -> Entry:
    reason = f"{worker} wrote in the run {run_id}, which {holder} holds"
    return Entry(message=entry.message, error=reason, code=WORKER_MISMATCH)


@lru_cache(8192)  # for a run has many events of few types
def _wrote(subject: str) -> tuple[str, str] | None:
    """The run and the worker that a subject names, if it does."""
    tokens = subject.split(".", 4)
    if len(tokens) < 5 or tokens[0] != _RUNS or tokens[3] == subjects.RECORDER:
        return None
    return tokens[2], tokens[3]

"""What a figure is: a name, a measurement, and rows that say ours beside a baseline of the same run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

Compare = Literal["ratio", "difference"]


class Spread(Struct, frozen=True, kw_only=True):
    """The middle of what was measured, and its 99th percentile where there were enough of them."""

    p50: float
    p99: float | None = None


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table. `compare` says how ours is set beside the baseline."""

    label: str
    unit: str
    n: int
    ours: Spread
    baseline: Spread | None = None
    baseline_label: str = ""
    compare: Compare = "ratio"
    note: str = ""


class Bench:
    """What a figure is given: a directory of its own, how much to do, and where to say how far it is."""

    def __init__(self, directory: Path, *, quick: bool, say: Callable[[int, int], None]) -> None:
        self.directory = directory
        self.quick = quick
        self._say = say

    def count(self, full: int, quick: int) -> int:
        """How often to measure."""
        return quick if self.quick else full

    def progress(self, done: int, of: int) -> None:
        """Say how far the measurement is."""
        self._say(done, of)


class Figure(Struct, frozen=True, kw_only=True):
    """A measurement. It is killed, with all it has started, when its deadline has passed."""

    name: str
    title: str
    measure: Callable[[Bench], Awaitable[list[Row]]]
    deadline_seconds: float = 180.0


def spread(values: Sequence[float]) -> Spread:
    """Percentiles by nearest rank; a 99th of fewer than 20 values would only be their greatest."""
    ordered = sorted(values)
    return Spread(
        p50=_rank(ordered, 0.50), p99=_rank(ordered, 0.99) if len(ordered) >= 20 else None
    )


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

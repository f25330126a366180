"""What a figure is: a name, a measurement, and rows that say ours beside a baseline of the same run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

Compare = Literal["ratio", "difference"]
Side = Literal["≤", "≥"]


class Spread(Struct, frozen=True, kw_only=True):
    """The middle of what was measured, and its 99th percentile where there were enough of them."""

    p50: float
    p99: float | None = None


class Target(Struct, frozen=True, kw_only=True):
    """What is wanted of a percentile of ours: at most, or at least, `times` the baseline's own plus `plus` units."""

    side: Side
    of: Literal["p50", "p99"] = "p50"
    times: float = 0.0
    plus: float = 0.0

    def met(self, ours: Spread, baseline: Spread | None) -> bool | None:
        """Whether it is; None where one of the numbers was not measured."""
        found = getattr(ours, self.of)
        beside = getattr(baseline, self.of) if self.times and baseline else 0.0
        if found is None or beside is None or (self.times and baseline is None):
            return None
        bound = self.times * beside + self.plus
        return bool(found <= bound if self.side == "≤" else found >= bound)


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table. `compare` says how ours is set beside the baseline."""

    label: str
    unit: str
    n: int
    ours: Spread
    baseline: Spread | None = None
    baseline_label: str = ""
    compare: Compare = "ratio"
    targets: tuple[Target, ...] = ()
    note: str = ""


class Bench:
    """What a figure is given: a directory of its own, how much to do, and where to say how far it is."""

    def __init__(
        self,
        directory: Path,
        *,
        quick: bool = False,
        full: bool = False,
        say: Callable[[int, int], None],
    ) -> None:
        self.directory = directory
        self.quick = quick
        self.full = full
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


def at_most(times: float = 0.0, *, plus: float = 0.0, of: Literal["p50", "p99"] = "p50") -> Target:
    """A target that the figure must stay under."""
    return Target(side="≤", of=of, times=times, plus=plus)


def at_least(times: float = 0.0, *, plus: float = 0.0) -> Target:
    """A target that the figure must reach."""
    return Target(side="≥", times=times, plus=plus)


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

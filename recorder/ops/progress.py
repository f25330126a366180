"""How far a command is, for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

Phase = Literal[
    "replaying",
    "comparing",
    "checking",
    "swapping",
    "copying",
    "projecting",
    "publishing",
    "listing",
    "reading",
]


class Step(Struct, frozen=True, kw_only=True):
    """`of` is 0 where it is not known; `rate` is in units of `done` a second since the phase began."""

    phase: Phase
    done: int
    of: int
    rate: float


Tell = Callable[[Step], None]


def silent(_step: Step) -> None:
    """Tells nobody."""


class Progress:
    """Counts within one phase."""

    def __init__(self, phase: Phase, of: int, tell: Tell) -> None:
        self._phase = phase
        self._of = of
        self._tell = tell
        self._since = time.perf_counter()

    def at(self, done: int) -> None:
        """So much is done."""
        seconds = time.perf_counter() - self._since
        rate = done / seconds if seconds > 0 else 0.0
        self._tell(Step(phase=self._phase, done=done, of=max(self._of, done), rate=rate))

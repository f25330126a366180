"""How much at once: so many at first, then so many a second. Pure; `now` is of any clock that only goes forward."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable

from msgspec import Struct

MOST_NAMES = 10_000


class _Left(Struct):
    count: float
    at: float


class Allowance:
    """An allowance for each name. Of those that were asked for longest ago it forgets what is beyond 10,000 names."""

    def __init__(self, *, per_second: float, at_once: float) -> None:
        self._per_second = per_second
        self._at_once = at_once
        self._left: OrderedDict[Hashable, _Left] = OrderedDict()

    def __contains__(self, name: Hashable) -> bool:
        return name in self._left

    def wait_seconds(self, name: Hashable, now: float) -> int:
        """How long until there is one more for it; 0: there is."""
        missing = 1 - self._now(name, now)
        return 0 if missing <= 0 else math.ceil(missing / self._per_second)

    def take(self, name: Hashable, now: float) -> int:
        """Take one, where there is one. Else how many seconds until there is."""
        if wait := self.wait_seconds(name, now):
            return wait
        self._left[name] = _Left(self._now(name, now) - 1, now)
        self._left.move_to_end(name)
        if len(self._left) > MOST_NAMES:
            self._left.popitem(last=False)
        return 0

    def _now(self, name: Hashable, now: float) -> float:
        left = self._left.get(name)
        if left is None:
            return self._at_once
        return min(self._at_once, left.count + (now - left.at) * self._per_second)

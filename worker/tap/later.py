"""Doing something after a time: in the loop, or when a test says that the time has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Later = Callable[[float, Callable[[], None]], object]


def in_the_loop(seconds: float, do: Callable[[], None]) -> object:
    """Do it later in the loop that runs."""
    return asyncio.get_running_loop().call_later(seconds, do)

"""Wait for a condition, never for a time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

LIMIT_S = 60.0  # a busy machine may take its time: what never comes costs a minute
LOOK_EVERY_S = 0.02


@overload
async def eventually(
    look: Callable[[], Awaitable[T | None]],
    limit_s: float = LIMIT_S,
    explain: Callable[[], object] | None = None,
) -> T: ...


@overload
async def eventually(
    look: Callable[[], T | None],
    limit_s: float = LIMIT_S,
    explain: Callable[[], object] | None = None,
) -> T: ...


async def eventually(
    look: Callable[[], Any],
    limit_s: float = LIMIT_S,
    explain: Callable[[], object] | None = None,
) -> Any:
    """The first answer of `look` that counts as true. Past the limit it fails, with the last answer
    or what `explain` says.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_s
    while True:
        looked = look()
        answer = await looked if inspect.isawaitable(looked) else looked
        if answer:
            return answer
        if loop.time() > end:
            said = answer if explain is None else explain()
            raise AssertionError(f"not within {limit_s:.0f} s; at last: {said}")
        await asyncio.sleep(LOOK_EVERY_S)

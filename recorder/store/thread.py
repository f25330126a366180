"""A function on the thread that owns a connection: several statements, one hop.

aiosqlite gives each connection a thread and has a public call for each statement, but none for a
function; its own calls all go through `_execute`. This file is the only one that does so too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import aiosqlite

T = TypeVar("T")


async def on_its_thread(
    connection: aiosqlite.Connection, function: Callable[[sqlite3.Connection], T]
) -> T:
    """What the function returns or raises.

    Functions run one after another, in the order in which they were handed in, and each to its end, also
    when its caller is cancelled.
    """
    result: T = await connection._execute(function, connection._conn)  # type: ignore[no-untyped-call]
    return result

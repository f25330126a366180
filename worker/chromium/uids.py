"""Which uids have a process: a browser without a jail may have left one in a session of its own, which outlives it."""

from __future__ import annotations

import contextlib
from pathlib import Path


def in_use() -> frozenset[int]:
    """Real, effective and saved uids of all processes that are no zombies."""
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            told = process.read_text()
            if "\nState:\tZ" not in told:
                found.update(map(int, told.partition("\nUid:\t")[2].partition("\n")[0].split()))
    return frozenset(found)

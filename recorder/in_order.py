"""Rows of RUNS in the order of the stream, each once: for jobs that write a fact about each of them."""

from __future__ import annotations

import sqlite3

from recorder.store import Store

PARKED = "SELECT owner FROM quarantine WHERE NOT skipped AND stream = 'RUNS'"


class InOrder:
    """`query` takes epoch and position of the row before, and how many; its rows name theirs `epoch` and `position`.

    Begins with the first row there is, at every start, and once a parked run goes on: its rows may stand before
    others'.
    """

    def __init__(self, store: Store, query: str, at_once: int) -> None:
        self._store = store
        self._query = query
        self._at_once = at_once
        self._after = (0, 0)
        self._parked: set[str] = set()

    async def look_who_is_parked(self) -> None:
        """To be called before each round."""
        parked = {row["owner"] for row in await self._store.rows(PARKED)}
        if self._parked - parked:
            self._after = (0, 0)
        self._parked = parked

    async def next(self) -> list[sqlite3.Row]:
        """The next rows; the same again until they are `passed`."""
        return await self._store.rows(self._query, (*self._after, self._at_once))

    def passed(self, row: sqlite3.Row) -> None:
        """All is written about the rows up to this one."""
        self._after = (row["epoch"], row["position"])

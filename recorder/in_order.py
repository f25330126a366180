"""Rows of RUNS in the order of the stream, each once: for jobs that write a fact about each of them."""

from __future__ import annotations

import sqlite3

from recorder.store import Store

PARKED = """
SELECT owner, min(epoch) AS epoch, min(position) AS position FROM quarantine
WHERE NOT skipped AND stream = 'RUNS' GROUP BY owner
"""
BEGINNING = (0, 0)

Place = tuple[int, int]


class InOrder:
    """`newest` finds the last row, `query` takes epoch and position of the row before, those of the last one to be
    given, and how many; rows name theirs `epoch` and `position`.

    Begins with the first row there is, at every start. Once a parked run goes on, it goes back to where that run
    stood: its rows stand before others'.
    """

    def __init__(self, store: Store, newest: str, query: str, at_once: int) -> None:
        self._store = store
        self._newest = newest
        self._query = query
        self._at_once = at_once
        self._after: Place = BEGINNING
        self._parked: dict[str, Place] = {}

    async def next(self) -> list[sqlite3.Row]:
        """The next rows; the same again until they are `passed`.

        Whose rows up to the newest are not there now is parked before they are read, so that it is known.
        """
        newest = await self._store.find_row(self._newest)
        await self._look_who_is_parked()
        if newest is None:
            return []
        last = _place(newest)
        rows = await self._store.rows(self._query, (*self._after, *last, self._at_once))
        if not rows:
            self._after = max(self._after, last)
        return rows

    def passed(self, row: sqlite3.Row) -> None:
        """All is written about the rows up to this one."""
        self._after = _place(row)

    async def _look_who_is_parked(self) -> None:
        parked = {row["owner"]: _place(row) for row in await self._store.rows(PARKED)}
        went_on = [place for owner, place in self._parked.items() if parked.get(owner) != place]
        for epoch, position in went_on:
            self._after = min(self._after, (epoch, position - 1))
        self._parked = parked


def _place(row: sqlite3.Row) -> Place:
    return row["epoch"], row["position"]

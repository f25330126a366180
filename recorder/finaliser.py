"""Writes the digest of each run that has ended: what of it outlives its events.

Runs are taken in the order of their ends, each once; a digest that is there already, by whichever recorder, is
passed over. Nothing is written while CONTROL is not read to its end, for it may have the digest.
"""

from __future__ import annotations

import asyncio
import sqlite3

import structlog

from recorder.consumer import Consumer
from recorder.facts import Facts
from recorder.in_order import InOrder
from recorder.queries.runs import find_gaps
from recorder.queries.runtimes import find_kept_metadata
from recorder.queries.usage import find_quantities
from recorder.store import Store
from schemas.events.run import MOST_MISSING, RunFinalised
from schemas.problems import StorageUnavailable
from schemas.times import milliseconds_between
from schemas.usage import RateCard, credits_for

log = structlog.get_logger()

ROUND_SECONDS = 0.25
AT_ONCE = 100

NEWEST = """
SELECT end_epoch AS epoch, end_position AS position FROM runs INDEXED BY runs_by_end
WHERE finished_at IS NOT NULL ORDER BY end_epoch DESC, end_position DESC LIMIT 1
"""
ENDED_AFTER = """
SELECT *, end_epoch AS epoch, end_position AS position,
  EXISTS (SELECT 1 FROM digests WHERE digests.id = runs.id) AS has_digest
FROM runs INDEXED BY runs_by_end
WHERE finished_at IS NOT NULL AND (end_epoch, end_position) > (?, ?)
  AND (end_epoch, end_position) <= (?, ?)
ORDER BY end_epoch, end_position LIMIT ?
"""


class Finaliser:
    """From the first run that has ended."""

    def __init__(
        self, store: Store, facts: Facts, control: Consumer, card: RateCard | None = None
    ) -> None:
        self._card = card
        self._store = store
        self._facts = facts
        self._control = control
        self._ended = InOrder(store, NEWEST, ENDED_AFTER, AT_ONCE)

    async def run(self) -> None:
        """Round after round, until cancelled."""
        while True:
            try:
                while await self._some():
                    pass
            except StorageUnavailable as problem:
                log.warning("finaliser.interrupted", reason=problem.message)
            except (
                Exception
            ):  # no run may leave without its digest, so none does until somebody looks
                log.exception("finaliser.failed")
            await asyncio.sleep(ROUND_SECONDS)

    async def _some(self) -> bool:
        """The next runs; whether there may be more."""
        if self._control.state != "following" or self._control.lag:
            return False
        rows = await self._ended.next()
        for row in rows:
            if not row["has_digest"]:
                await self._facts.finalise_run(await self._digest(row), row["space_id"])
            self._ended.passed(row)
        return bool(rows)

    async def _digest(self, row: sqlite3.Row) -> RunFinalised:
        whole = row["arrived"] == row["last_sequence"]
        used = await find_quantities(self._store, row["id"])
        seconds = (
            milliseconds_between(row["started_at"] or row["created_at"], row["finished_at"]) / 1000
        )
        return RunFinalised(
            run_id=row["id"],
            code=row["end_code"],
            message=row["end_message"],
            missing=[] if whole else await find_gaps(self._store, row["id"], MOST_MISSING),
            usage=used,
            credits=credits_for(self._card, used, seconds) if self._card else None,
            metadata=await find_kept_metadata(self._store, row["runtime_id"]),
            **{name: row[name] for name in _AS_THEY_ARE},
        )


_AS_THEY_ARE = (
    "runtime_id",
    "runtime_type",
    "status",
    "created_at",
    "started_at",
    "finished_at",
    "last_activity_at",
    "events",
    "last_sequence",
    "arrived",
    "late",
    "wall",
    "egress",
    "invocations",
    "tool_calls",
    "end_epoch",
    "end_position",
)

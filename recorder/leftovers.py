"""Stops runs of runtimes that are deleted.

A runtime is deleted only while it is stopped; but a start may be on its way to a worker at that moment, by another
recorder, and whoever deleted it may die before it looks again. Nobody could stop such a run by its runtime any more.
"""

from __future__ import annotations

import asyncio

import structlog

from recorder.fleet import Fleet
from recorder.queries.runtimes import list_deleted_but_active
from recorder.store import Store
from schemas.problems import Problem

log = structlog.get_logger()

ROUND_SECONDS = 5.0


class Leftovers:
    """Each recorder of a fleet looks after them: to stop what is stopped changes nothing."""

    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    async def run(self) -> None:
        """Look every five seconds, until cancelled."""
        while True:
            try:
                for runtime_id in await list_deleted_but_active(self._store):
                    await self._stop(runtime_id)
            except Exception:  # such a run goes on until somebody looks
                log.exception("leftovers.failed")
            await asyncio.sleep(ROUND_SECONDS)

    async def _stop(self, runtime_id: str) -> None:
        try:
            run_id = await self._fleet.stop(runtime_id)
            log.warning("leftovers.stopped", runtime_id=runtime_id, run_id=run_id)
        except Problem as problem:  # it ends by itself, or its host does not answer: next time
            log.info("leftovers.not_stopped", runtime_id=runtime_id, reason=problem.message)

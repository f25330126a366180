"""Ends the runs of hosts that are lost, and runs that are nobody's.

A thin shell around `liveness`: it probes, reads claims and keys, and carries out the verdict. Each recorder of a
fleet does so; the end that one writes is the end that any would have written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping

import structlog

from recorder import liveness
from recorder.bus import Bus, Held, StreamUnreachable
from recorder.consumer import Consumer
from recorder.facts import Facts
from recorder.liveness import Liveness, Unclaimed, Verdict
from recorder.queries.runs import OpenRun, find_course, list_open
from recorder.store import Store
from schemas.ends import HOST_LOST
from schemas.problems import CannotStart, StorageUnavailable

log = structlog.get_logger()

PROBE_SECONDS = 1.0
ROUND_SECONDS = 1.0
# How often all that is open is held against all that is claimed, while no host is suspected.
LOOK_SECONDS = 10.0


class Reaper:
    """`alarm` is a sentence while so many hosts seem lost that nothing is ended."""

    def __init__(
        self, bus: Bus, store: Store, facts: Facts, judge: Liveness, runs: Consumer, name: str
    ) -> None:
        self._bus = bus
        self._store = store
        self._facts = facts
        self._liveness = judge
        self._runs = runs
        self._name = name
        self._unclaimed = Unclaimed()
        self._holders: set[str] = set()
        self._look_at = 0.0
        self.alarm: str | None = None

    async def probe(self) -> None:
        """Try JetStream once a second, until cancelled."""
        with self._bus.reconnects_told(self._liveness.interrupted):
            while True:
                self._liveness.probed(await self._bus.keys.probe(self._name))
                await asyncio.sleep(PROBE_SECONDS)

    async def run(self) -> None:
        """Judge and end, until cancelled. `probe` must run beside it."""
        while True:
            try:
                await self._round()
            except (StreamUnreachable, StorageUnavailable) as error:
                log.warning("reaper.interrupted", reason=str(error))
                self._liveness.interrupted()
            except Exception:  # runs that nobody ends stay open, until somebody looks
                log.exception("reaper.failed")
            await asyncio.sleep(ROUND_SECONDS)

    async def runs_of(self, worker_id: str) -> list[OpenRun]:
        """What a host holds that a person declares gone. Raises CannotStart while it may be alive.

        Also StreamUnreachable.
        """
        if self._liveness.settled:
            self._liveness.read(await self._bus.keys.find_beat(worker_id))
        if not self._liveness.settled:
            raise CannotStart(
                f"Whether {worker_id} is alive cannot be told: NATS has not worked without a break for"
                f" {liveness.LOST_SECONDS:.0f} s.",
                "Try again in a moment; `runreel status` tells how NATS is.",
            )
        if not self._liveness.is_silent(worker_id):
            raise CannotStart(
                f"{worker_id} is alive: it beat within the last {liveness.LOST_SECONDS:.0f} s.",
                "SIGTERM ends a worker's runs in order.",
            )
        return [run for run, _ in await self._held_by(worker_id)]

    async def give_up(self, worker_id: str) -> list[OpenRun]:
        """End what such a host held; those runs. Raises what `runs_of` does, and StorageUnavailable."""
        await self.runs_of(worker_id)
        return await self._end_all_of(worker_id)

    async def _round(self) -> None:
        if not self._liveness.settled:
            self._unclaimed.forget()
        elif time.monotonic() >= self._look_at or self._liveness.judge(self._holders).lost:
            await self._look()

    async def _look(self) -> None:
        self._look_at = time.monotonic() + LOOK_SECONDS
        open_runs = await list_open(self._store)  # first: a run is claimed before it is open
        claims = await self._bus.claims.read()
        self._holders = _holders(claims)
        verdict = self._liveness.judge(self._holders)
        if verdict.lost or verdict.withheld:
            verdict = await self._look_closely(verdict)
        self._tell(verdict)
        for worker_id in verdict.lost:
            await self._end_all_of(worker_id)
        await self._end_what_is_nobodys(open_runs, claims)

    async def _look_closely(self, verdict: Verdict) -> Verdict:
        """The verdict once the keys were read directly: our watch may have been deaf."""
        for worker_id in (*verdict.lost, *verdict.withheld):
            self._liveness.read(await self._bus.keys.find_beat(worker_id))
        return self._liveness.judge(self._holders)

    async def _end_all_of(self, worker_id: str) -> list[OpenRun]:
        """Those that were ended: all, unless NATS went away meanwhile."""
        theirs = await self._held_by(worker_id)
        log.warning("fleet.host_lost", worker=worker_id, runs=len(theirs))
        ended = []
        for run, revision in theirs:
            if not self._liveness.settled:
                break
            await self._end(run)
            await self._bus.keys.release(run.runtime_id, revision)
            ended.append(run)
        return ended

    async def _held_by(self, worker_id: str) -> list[tuple[OpenRun, int]]:
        """A worker's runs, each with the revision of its claim."""
        claims = await self._bus.claims.read(afresh=True)
        return [
            (OpenRun(held.claim.run_id, runtime_id, held.claim.space_id), held.revision)
            for runtime_id, held in claims.items()
            if held.claim is not None and held.claim.worker_id == worker_id
        ]

    async def _end_what_is_nobodys(
        self, open_runs: Iterable[OpenRun], claims: Mapping[str, Held]
    ) -> None:
        if self._runs.state != "following" or self._runs.lag:
            self._unclaimed.forget()  # their ends may be on their way
            return
        nobodys = {run.id: run for run in open_runs if not _is_claimed(run, claims)}
        due = self._unclaimed.look(nobodys)
        if not due:
            return
        claims = await self._bus.claims.read(afresh=True)
        for run in (nobodys[run_id] for run_id in due):
            if self._liveness.settled and not _is_claimed(run, claims):
                log.warning("fleet.run_unclaimed", run_id=run.id, runtime_id=run.runtime_id)
                await self._end(run)

    async def _end(self, run: OpenRun) -> None:
        course = await find_course(self._store, run.id)
        if course is None or not course.ended:
            await self._facts.end_run(run, HOST_LOST)
            log.warning("fleet.run_ended", run_id=run.id, code=HOST_LOST.code)

    def _tell(self, verdict: Verdict) -> None:
        before, self.alarm = self.alarm, None
        if verdict.withheld:
            self.alarm = (
                f"{len(verdict.withheld)} of {verdict.hosts} worker hosts seem lost at once, so none of"
                f" their runs is ended: {', '.join(verdict.withheld)}. If they are gone for good,"
                " `runreel hosts give-up` ends them."
            )
        if self.alarm and not before:
            log.error("fleet.many_hosts_lost", workers=verdict.withheld, hosts=verdict.hosts)


def _holders(claims: Mapping[str, Held]) -> set[str]:
    return {held.claim.worker_id for held in claims.values() if held.claim is not None}


def _is_claimed(run: OpenRun, claims: Mapping[str, Held]) -> bool:
    """Whether some worker has this run; a claim that cannot be read may be its."""
    held = claims.get(run.runtime_id)
    return held is not None and (held.claim is None or held.claim.run_id == run.id)

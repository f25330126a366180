"""A worker's heartbeat, and what its acknowledgements tell of our clock."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

import structlog
from msgspec import structs

from schemas.requests import Heartbeat
from worker.bus import Bus
from worker.clock import Skew, measured
from worker.publisher import LinkDown

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 2.0


def load_per_core() -> float:
    """The host's load of one minute by core."""
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)


class Pulse:
    """Sends beats."""

    def __init__(self, bus: Bus, now_ns: Callable[[], int]) -> None:
        self._bus = bus
        self._now_ns = now_ns
        self._beats = 0
        self._skew = Skew()
        self._skew_is_large = False

    @property
    def clock_skew_ms(self) -> int | None:
        """How far our clock is ahead of the stream's; None before it was measured."""
        return self._skew.best.ahead_ms if self._skew.best else None

    @property
    def clock_uncertainty_ms(self) -> int | None:
        """Give or take so much."""
        return self._skew.best.uncertainty_ms if self._skew.best else None

    async def send(self, heartbeat: Heartbeat) -> None:
        """Beat. That nobody answers is told in the log and keeps no other beat: who hears nothing may be heard all the
        same, and who is silent for 15 s is lost.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._send(heartbeat)
        except LinkDown as error:
            log.warning("worker.beat_failed", reason=str(error))
        except TimeoutError:
            log.warning(
                "worker.beat_failed", reason=f"NATS does not answer within {ANSWER_SECONDS:.0f} s"
            )
        if (task := asyncio.current_task()) and task.cancelling():
            raise asyncio.CancelledError  # which nats-py swallows when it comes while it publishes

    async def _send(self, heartbeat: Heartbeat) -> None:
        """With number, load and clock, which is measured by when the stream says that it was."""
        self._beats += 1
        heartbeat = structs.replace(
            heartbeat,
            beat=self._beats,
            load=load_per_core(),
            clock_skew_ms=self.clock_skew_ms,
            clock_uncertainty_ms=self.clock_uncertainty_ms,
        )
        sent_ns, since_ns = self._now_ns(), time.monotonic_ns()
        revision = await self._bus.beat(heartbeat)
        round_trip_ns = time.monotonic_ns() - since_ns
        stored_ns = await self._bus.beat_stored_at(revision)
        if stored_ns is None:
            return
        self._skew.add(measured(sent_ns=sent_ns, stored_ns=stored_ns, round_trip_ns=round_trip_ns))
        self._tell_skew()

    def _tell_skew(self) -> None:
        """Say it when the clocks begin to disagree, and when they agree again."""
        best = self._skew.best
        if best is None or best.is_large == self._skew_is_large:
            return
        self._skew_is_large = best.is_large
        tell = log.warning if best.is_large else log.info
        event = "worker.clock_is_off" if best.is_large else "worker.clock_is_right"
        tell(event, ahead_ms=best.ahead_ms, uncertainty_ms=best.uncertainty_ms)

"""A worker that is asked to drain: nothing new, time for what runs, then it leaves with all published."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from schemas import subjects
from schemas.requests import Draining, Refused, RunStarted
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_host import WORKER, Fleet
from tests.support.worker_process import WorkerProcess, worker_process
from worker.drain import Drain

# pure but for its clock


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def is_over(drain: Drain, *, empty: bool) -> bool:
    """Whether the wait ends without anything more happening."""
    waiting = asyncio.create_task(drain.wait(lambda: empty))
    await asyncio.wait({waiting}, timeout=0.01)
    waiting.cancel()
    return waiting.done()


async def test_not_asked() -> None:
    drain = Drain()
    assert not drain.asked
    assert not await is_over(drain, empty=True)


async def test_asked() -> None:
    clock = Clock()
    drain = Drain(clock)
    drain.ask(60)
    assert drain.asked
    assert await is_over(drain, empty=True)
    assert not await is_over(drain, empty=False)
    clock.now += 60
    assert await is_over(drain, empty=False)


async def test_asked_again_for_now() -> None:
    drain = Drain()
    drain.ask(3600)
    waiting = asyncio.create_task(drain.wait(lambda: False))
    await asyncio.wait({waiting}, timeout=0.01)
    assert not waiting.done()
    drain.ask(0)
    await asyncio.wait_for(waiting, 60)


# a worker's process

real = [pytest.mark.nats, pytest.mark.browser]


async def ended(worker: WorkerProcess) -> int:
    await eventually(lambda: worker.process.returncode is not None, 30, explain=worker.said)
    assert worker.process.returncode is not None
    return worker.process.returncode


async def started(fleet: Fleet, worker: WorkerProcess, runtime_id: str = "rt-1") -> RunStarted:
    await eventually(fleet.is_served, 40, explain=worker.said)
    answer = await fleet.start(runtime_id)
    assert isinstance(answer, RunStarted)
    return answer


async def assert_left_in_order(fleet: Fleet, worker: WorkerProcess, code: str) -> None:
    assert await ended(worker) == 0
    assert await fleet.heartbeat() is None
    [(_, number, status, found)] = await fleet.ends()
    assert (status, found) == ("stopped", code)
    assert number == len(await fleet.events())
    assert await fleet.claim_of("rt-1") is None
    assert "waiting=0" in worker.said() or '"waiting":0' in worker.said().replace(" ", "")


class TestProcess:
    pytestmark = real

    async def test_waits_for_runs_that_end_by_themselves(
        self, server: NatsServer, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with worker_process(server.url, tmp_path) as worker:
            run = await started(fleet, worker)
            answer = await fleet.drain(300)
            assert answer == Draining(active=1)
            beat = await fleet.heartbeat()
            assert beat is not None
            assert (beat.draining, beat.active, beat.free) == (True, 1, 0)
            refused = await fleet.start("rt-2")
            assert isinstance(refused, Refused)
            assert refused.code == "runtime.host_unavailable"
            assert worker.process.returncode is None
            await fleet.stop("rt-1", run.run_id)
            await assert_left_in_order(fleet, worker, "runtime.stop_requested")

    async def test_ends_what_runs_when_the_time_is_up(
        self, server: NatsServer, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with worker_process(server.url, tmp_path) as worker:
            await started(fleet, worker)
            assert await fleet.drain(1) == Draining(active=1)
            await assert_left_in_order(fleet, worker, "runtime.host_drained")

    async def test_signal_asks_for_it(
        self, server: NatsServer, fleet: Fleet, tmp_path: Path
    ) -> None:
        """By which a host takes itself out of service: its account may not ask over NATS."""
        async with worker_process(server.url, tmp_path, RUNREEL_DRAIN_SECONDS="3") as worker:
            await started(fleet, worker)
            worker.process.send_signal(signal.SIGUSR2)
            await eventually(lambda: "worker.drain_asked" in worker.said())
            assert isinstance(await fleet.start("rt-2"), Refused)
            await assert_left_in_order(fleet, worker, "runtime.host_drained")

    async def test_signal_cuts_the_wait_short(
        self, server: NatsServer, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with worker_process(server.url, tmp_path) as worker:
            await started(fleet, worker)
            await fleet.drain(300)
            worker.process.send_signal(signal.SIGTERM)
            await assert_left_in_order(fleet, worker, "runtime.host_drained")

    async def test_publishes_what_waits_before_it_leaves(
        self, server: NatsServer, fleet: Fleet, tmp_path: Path
    ) -> None:
        """NATS goes away while it drains: it waits for it, longer than one who was sent a signal would."""
        async with worker_process(server.url, tmp_path) as worker:
            await started(fleet, worker)
            assert await fleet.drain(2) == Draining(active=1)
            await server.stop()
            await eventually(lambda: "runtime.ended" in worker.said(), explain=worker.said)
            assert worker.process.returncode is None
            await server.start()
            await assert_left_in_order(fleet, worker, "runtime.host_drained")

    async def test_second_signal_waits_for_nothing(
        self, server: NatsServer, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with worker_process(server.url, tmp_path) as worker:
            await started(fleet, worker)
            await server.stop()
            worker.process.send_signal(signal.SIGTERM)
            await eventually(lambda: "runtime.ended" in worker.said(), explain=worker.said)
            worker.process.send_signal(signal.SIGTERM)
            await eventually(lambda: "worker.drain_cut_short" in worker.said())
            assert await ended(worker) == 0
        await server.start()

    async def test_request_that_cannot_be_read(
        self, server: NatsServer, fleet: Fleet, tmp_path: Path
    ) -> None:
        async with worker_process(server.url, tmp_path) as worker:
            await eventually(fleet.is_served, 40, explain=worker.said)
            answer = await fleet.ask(subjects.drain_request(WORKER), b'{"deadlineSeconds": "x"}')
            assert isinstance(answer, Refused)
            assert answer.code == "request.invalid"
            beat = await fleet.heartbeat()
            assert beat is not None
            assert not beat.draining

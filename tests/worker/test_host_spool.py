"""A host whose spool is full: runs that write end, new ones are refused, heartbeats say so, and then it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas import subjects
from schemas.events.console import ConsoleMessage
from schemas.requests import Refused, RunStarted
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_host import Fleet, Worker, is_free, serving
from worker.fact import Fact
from worker.runtime import Runtime

pytestmark = [pytest.mark.nats, pytest.mark.browser]

MIB = 1024 * 1024


@asynccontextmanager
async def stream_that_takes_nothing(fleet: Fleet) -> AsyncIterator[None]:
    """For as long as the block lasts."""
    config = (await fleet.jetstream.stream_info(subjects.RUNS)).config
    await fleet.jetstream.update_stream(config.evolve(max_bytes=1))
    try:
        yield
    finally:
        await fleet.jetstream.update_stream(config)


def flood(runtime: Runtime) -> None:
    """More than any spool of these tests holds."""
    for _ in range(4000):
        runtime.record(Fact(data=ConsoleMessage(level="info", text="x" * 10_000)))


async def run_of(worker: Worker, fleet: Fleet, runtime_id: str) -> Runtime:
    started = await fleet.start(runtime_id)
    assert isinstance(started, RunStarted)
    runtime = worker.host.find_run(started.run_id)
    assert runtime is not None
    return runtime


async def test_the_spool_is_full_and_then_is_not(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    with capture_logs() as logs:
        async with serving(fleet, server.url, tmp_path, spool_bytes=2 * MIB) as worker:
            loud = await run_of(worker, fleet, "rt-1")
            async with stream_that_takes_nothing(fleet):
                flood(loud)
                ended = await asyncio.wait_for(loud.ended, 60)
                assert b"runtime.spool_full" in worker.outbox.read(ended)[1]
                beat = await eventually(lambda: beat_of_a_full_spool(fleet))
                assert beat.spool_limit_bytes == 2 * MIB
                assert MIB < beat.spool_bytes <= 2 * MIB
                assert beat.free == 0
                refused = await fleet.start("rt-3")
                assert isinstance(refused, Refused)
                assert refused.code == "runtime.spool_full"
                assert "spool" in refused.message
                assert await fleet.claim_of("rt-3") is None
            again = await eventually(lambda: started_again(fleet))
            assert again.started
            ends = await fleet.ends()
            assert [(runtime, status, code) for runtime, _, status, code in ends] == [
                ("rt-1", "failed", "runtime.spool_full")
            ]
            await eventually(lambda: is_free(fleet, "rt-1"))
            numbers = [e.number for e in await fleet.events() if e.runid == loud.log.run_id]
            assert numbers == list(range(1, len(numbers) + 1))
    told = [line["event"] for line in logs if str(line["event"]).startswith("outbox.")]
    assert told == ["outbox.full", "outbox.has_room"]


async def beat_of_a_full_spool(fleet: Fleet) -> Any:
    beat = await fleet.heartbeat()
    return beat if beat is not None and beat.spool_full else None


async def started_again(fleet: Fleet) -> RunStarted | None:
    answer = await fleet.start("rt-3")
    return answer if isinstance(answer, RunStarted) else None


async def test_full_since_the_claim_was_asked_for(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        claim = worker.bus.claim

        async def slow_claim(*given: Any) -> Any:
            worker.outbox._fill("this test says so")
            return await claim(*given)

        monkeypatch.setattr(worker.bus, "claim", slow_claim)
        refused = await fleet.start("rt-1")
        assert isinstance(refused, Refused)
        assert refused.code == "runtime.spool_full"
        await eventually(lambda: is_free(fleet, "rt-1"))
        assert await fleet.events() == []


async def test_the_disk_refuses_the_first_event_of_a_run(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path, capacity=1) as worker:
        with monkeypatch.context() as patch:
            patch.setattr(worker.outbox, "put", no_space)
            refused = await fleet.start("rt-1")
        assert isinstance(refused, Refused)
        assert refused.code == "runtime.spool_full"
        await eventually(lambda: is_free(fleet, "rt-1"))
        assert await fleet.events() == []
        again = await fleet.start("rt-1")  # its place is free too
        assert isinstance(again, RunStarted)


async def test_heartbeats_count_what_could_not_be_read(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "0000000001.events").write_bytes(b"no event\nnor this\n")
    async with serving(fleet, server.url, tmp_path):
        beat = await fleet.heartbeat()
        assert beat is not None
        assert (beat.set_aside, beat.spool_bytes, beat.spool_full) == (2, 0, False)


def no_space(*_: object, last: bool) -> None:
    raise OSError(28, "No space left on device")

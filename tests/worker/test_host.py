from __future__ import annotations

import asyncio
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue
from structlog.testing import capture_logs

from schemas import ends, subjects
from schemas.codec import decode_data
from schemas.events.runtime import RuntimeLifecycle
from schemas.requests import Claim, Draining, Refused, RunStarted, RunStopped
from schemas.runtime_config import RuntimeConfig
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_host import GATEWAY, SPACE, WORKER, Fleet, is_free, serving
from worker.profiles.profile import Profile, Wanted
from worker.publisher import LinkDown
from worker.runtime import Runtime

pytestmark = [pytest.mark.nats, pytest.mark.browser]


async def test_starts_and_stops_a_run(server: NatsServer, fleet: Fleet, tmp_path: Path) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        started = await fleet.start("rt-1")
        assert isinstance(started, RunStarted)
        assert started.started
        assert started.gateway_url == GATEWAY
        assert worker.host.find_run(started.run_id) is not None
        ready = (await fleet.events())[started.position - 1]
        assert (ready.runid, ready.status) == (started.run_id, "started")
        claim = await fleet.claim_of("rt-1")
        assert claim == Claim(
            worker_id=WORKER, run_id=started.run_id, space_id=SPACE, gateway_url=GATEWAY
        )

        stopped = await fleet.stop("rt-1", started.run_id)
        assert isinstance(stopped, RunStopped)
        assert worker.host.find_run(started.run_id) is None
        events = await fleet.events()
        assert stopped.position == len(events)
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert await fleet.ends() == [("rt-1", len(events), "stopped", "runtime.stop_requested")]
        await eventually(lambda: is_free(fleet, "rt-1"))


async def test_a_second_start_finds_the_same_run(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        first, second = await asyncio.gather(fleet.start("rt-1"), fleet.start("rt-1"))
        third = await fleet.start("rt-1")
        answers = [first, second, third]
        assert all(isinstance(answer, RunStarted) for answer in answers)
        assert len({answer.run_id for answer in answers if isinstance(answer, RunStarted)}) == 1
        assert sorted(getattr(answer, "started", None) is True for answer in answers) == [
            False,
            False,
            True,
        ]
        await worker.host._beat()
        beat = await fleet.heartbeat()
        assert beat is not None
        assert (beat.capacity, beat.active, beat.free) == (2, 1, 1)


async def test_capacity_is_full(server: NatsServer, fleet: Fleet, tmp_path: Path) -> None:
    async with serving(fleet, server.url, tmp_path, capacity=1):
        started = await fleet.start("rt-1")
        assert isinstance(started, RunStarted)
        refused = await fleet.start("rt-2")
        assert isinstance(refused, Refused)
        assert refused.code == "runtime.host_unavailable"
        assert await fleet.claim_of("rt-2") is None
        await fleet.stop("rt-1", started.run_id)
        again = await fleet.start("rt-2")
        assert isinstance(again, RunStarted)
        assert again.started


@pytest.mark.parametrize("body", [b"", b"garbage", b"{}", b"[1]", b'{"runtimeId":7}', b"\xff"])
async def test_a_request_that_makes_no_sense_is_refused(
    server: NatsServer, fleet: Fleet, tmp_path: Path, body: bytes
) -> None:
    async with serving(fleet, server.url, tmp_path):
        for subject in (subjects.start_request(WORKER), subjects.stop_request(WORKER)):
            refused = await fleet.ask(subject, body)
            assert isinstance(refused, Refused)
            assert refused.code == "request.invalid"


async def test_a_run_that_is_not_here_cannot_be_stopped(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path):
        refused = await fleet.stop("rt-1", "no-such-run")
        assert isinstance(refused, Refused)
        assert refused.code == "runtime.not_active"


async def test_drain_ends_every_run_and_takes_nothing_new(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        await asyncio.gather(fleet.start("rt-1"), fleet.start("rt-2"))
        draining = asyncio.create_task(worker.host.drain())
        await asyncio.sleep(0)
        refused = await fleet.start("rt-3")
        assert isinstance(refused, Refused)
        await draining
        ended = await fleet.ends()
        assert sorted((runtime, status, code) for runtime, _, status, code in ended) == [
            ("rt-1", "stopped", "runtime.host_drained"),
            ("rt-2", "stopped", "runtime.host_drained"),
        ]
        assert await fleet.claim_of("rt-1") is None
        assert await fleet.claim_of("rt-2") is None


@pytest.mark.parametrize("step", ["claim", "hold"])
async def test_drained_while_a_start_is_on_its_way(
    server: NatsServer,
    fleet: Fleet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """The drain waits for it: it refuses, and its claim is given back before the drain is over."""
    async with serving(fleet, server.url, tmp_path) as worker:
        waits, go_on = asyncio.Event(), asyncio.Event()
        owner = worker.bus if step == "claim" else worker.profiles
        whole = getattr(owner, step)

        async def slow(*given: Any) -> Any:
            waits.set()
            await go_on.wait()
            return await whole(*given)

        monkeypatch.setattr(owner, step, slow)
        starting = asyncio.create_task(fleet.start("rt-1", profile="work"))
        await waits.wait()
        draining = asyncio.create_task(worker.host.drain())
        await asyncio.wait({draining}, timeout=0.2)
        assert not draining.done()
        go_on.set()
        assert isinstance(await starting, Refused)
        await draining
        assert await fleet.events() == []
        assert await is_free(fleet, "rt-1")


async def test_asked_to_drain_while_a_start_is_on_its_way(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as active, and the host is not left before it was refused."""
    async with serving(fleet, server.url, tmp_path) as worker:
        waits, go_on = asyncio.Event(), asyncio.Event()
        hold = worker.profiles.hold

        async def slow(wanted: Wanted) -> Profile:
            waits.set()
            await go_on.wait()
            return await hold(wanted)

        monkeypatch.setattr(worker.profiles, "hold", slow)
        starting = asyncio.create_task(fleet.start("rt-1", profile="work"))
        await waits.wait()
        assert await fleet.drain(300) == Draining(active=1)
        leaving = asyncio.create_task(worker.host.asked_to_leave())
        await asyncio.wait({leaving}, timeout=0.2)
        assert not leaving.done()
        go_on.set()
        assert isinstance(await starting, Refused)
        await asyncio.wait_for(leaving, 60)
        assert await fleet.events() == []


async def test_the_answer_to_a_claim_is_lost(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands, and nothing came of it: it is given back."""
    async with serving(fleet, server.url, tmp_path, capacity=1) as worker:
        claim = worker.bus.claim

        async def unheard(runtime_id: str, value: Claim) -> None:
            assert await claim(runtime_id, value) is None
            raise LinkDown("TimeoutError")

        with monkeypatch.context() as patch:
            patch.setattr(worker.bus, "claim", unheard)
            assert isinstance(await fleet.start("rt-1"), Refused)
        await eventually(lambda: is_free(fleet, "rt-1"))
        assert isinstance(await fleet.start("rt-1"), RunStarted)


async def test_what_nobody_foresaw_keeps_neither_place_nor_claim(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("broken by a test")

    async with serving(fleet, server.url, tmp_path, capacity=1) as worker:
        with monkeypatch.context() as patch:
            patch.setattr(worker.bus, "rank", broken)
            assert isinstance(await fleet.start("rt-1", space_limit=1), Refused)
        await eventually(lambda: is_free(fleet, "rt-1"))
        with monkeypatch.context() as patch:
            patch.setattr(Runtime, "_launch", broken)
            refused = await fleet.start("rt-1")
            assert isinstance(refused, Refused)
            assert refused.code == "browser.launch_failed"
        await eventually(lambda: is_free(fleet, "rt-1"))
        assert isinstance(await fleet.start("rt-1"), RunStarted)


async def test_a_replica_that_is_behind_keeps_no_claim(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given back a moment after it was taken: the leader knows of it, another server may not."""

    async def behind(_bucket: KeyValue, _key: str) -> None:
        raise KeyNotFoundError

    async with serving(fleet, server.url, tmp_path) as worker:
        claim = Claim(worker_id=WORKER, run_id="run-1", space_id=SPACE, gateway_url=GATEWAY)
        assert await worker.bus.claim("rt-1", claim) is None
        with monkeypatch.context() as patch:
            patch.setattr(KeyValue, "get", behind)
            await worker.bus.release("rt-1", "another run")
            await worker.bus.release("rt-2", "run-1")
        assert await fleet.claim_of("rt-1") == claim
        with monkeypatch.context() as patch:
            patch.setattr(KeyValue, "get", behind)
            await worker.bus.release("rt-1", "run-1")
        assert await is_free(fleet, "rt-1")


async def test_claim_is_released_while_another_asks_for_it(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key was there when it was to be created, and gone when it was to be read."""
    from worker.bus import bus as bus_module

    async with serving(fleet, server.url, tmp_path) as worker:
        claim = Claim(worker_id="w2", run_id="r2", space_id=SPACE, gateway_url=GATEWAY)
        await worker.bus.claim("rt-1", claim)
        find = bus_module._find_claim

        async def gone(*given: object) -> Claim | None:
            monkeypatch.setattr(bus_module, "_find_claim", find)
            await worker.bus.release("rt-1", "r2")
            return None

        monkeypatch.setattr(bus_module, "_find_claim", gone)
        ours = Claim(worker_id=WORKER, run_id="r1", space_id=SPACE, gateway_url=GATEWAY)
        assert await worker.bus.claim("rt-1", ours) is None
        assert await fleet.claim_of("rt-1") == ours


async def test_browser_that_ends_at_once_is_a_failed_launch(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path, binary=_broken_browser(tmp_path)):
        async with asyncio.timeout(60):
            refused = await fleet.start("rt-1")
        assert isinstance(refused, Refused)
        assert refused.code == ends.LAUNCH_FAILED.code
        assert refused.message == "FATAL: no display today"
        assert await fleet.ends() == [
            ("rt-1", 3, "failed", "browser.launch_failed")
        ]  # 2 is its report
        assert refused.position == 3
        await eventually(lambda: is_free(fleet, "rt-1"))
        # Its place is free again: three failures do not fill a host of two places.
        for number in (2, 3):
            assert isinstance(await fleet.start(f"rt-{number}"), Refused)
        assert len(await fleet.ends()) == 3


def _broken_browser(tmp_path: Path) -> Path:
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    tmp_path.chmod(0o711)
    binary = tmp_path / "chromium"
    binary.write_text("#!/bin/sh\necho 'FATAL: no display today' >&2\nexit 1\n")
    binary.chmod(0o755)
    return binary


async def test_a_setting_that_no_process_can_be_given_is_refused(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path):
        refused = await fleet.start("rt-1", RuntimeConfig(user_agent="a\0b"))
        assert isinstance(refused, Refused)
        assert refused.code == "request.invalid"
        assert await fleet.ends() == []
        await eventually(lambda: is_free(fleet, "rt-1"))


async def test_heartbeats_count_up_and_go_with_the_worker(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        first = await fleet.heartbeat()
        assert first is not None
        await worker.host._beat()
        second = await fleet.heartbeat()
        assert second is not None
        assert second.beat > first.beat
        assert (second.worker_id, second.gateway_url) == (WORKER, GATEWAY)
    assert await fleet.heartbeat() is None


@pytest.mark.parametrize("ahead_ms", [0, 3_600_000, -90_000])
async def test_a_clock_that_is_off_is_measured_and_shown(
    server: NatsServer, fleet: Fleet, tmp_path: Path, ahead_ms: int
) -> None:
    def now_ns() -> int:
        return time.time_ns() + ahead_ms * 1_000_000

    with capture_logs() as logs:
        async with serving(fleet, server.url, tmp_path, now_ns=now_ns) as worker:
            await eventually(lambda: worker.host._pulse._skew.best)
            await worker.host._beat()
            beat = await fleet.heartbeat()
            assert beat is not None
            assert beat.clock_skew_ms is not None
            assert beat.clock_uncertainty_ms is not None
            assert abs(beat.clock_skew_ms - ahead_ms) <= beat.clock_uncertainty_ms + 1
            started = await fleet.start("rt-1")
            assert isinstance(started, RunStarted)
            ready = decode_data((await fleet.events())[started.position - 1])
            assert isinstance(ready, RuntimeLifecycle)
            assert isinstance(ready.clock_skew_ms, int)
            assert abs(ready.clock_skew_ms - ahead_ms) <= beat.clock_uncertainty_ms + 1_000
    warned = [line for line in logs if line["event"] == "worker.clock_is_off"]
    assert len(warned) == (1 if ahead_ms else 0)


async def test_nats_goes_away_between_a_beat_and_its_reading_back(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        await eventually(lambda: worker.host._pulse._skew.best)
        known = worker.host._pulse._skew.best

        async def away(_revision: int) -> int | None:
            raise LinkDown("NATS is away")

        monkeypatch.setattr(worker.bus, "beat_stored_at", away)
        await worker.host._beat()
        assert worker.host._pulse._skew.best == known


async def test_a_beat_without_an_answer_does_not_keep_the_next_one(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_heartbeat: object) -> int:
        await asyncio.Event().wait()
        return 0

    async with serving(fleet, server.url, tmp_path) as worker:
        monkeypatch.setattr(worker.bus, "beat", never)
        with capture_logs() as logs:
            await worker.host._beat()
        monkeypatch.undo()
    told = {"event": "worker.beat_failed", "reason": "NATS does not answer within 2 s"}
    assert told.items() <= logs[-1].items()


async def test_a_beat_that_is_gone_tells_no_time(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        assert await worker.bus.beat_stored_at(1_000_000) is None


async def test_buckets_are_not_there_yet(server: NatsServer, tmp_path: Path) -> None:
    """A worker may start before the first recorder."""
    from worker.bus import Bus

    bus = await Bus.connect(server.url, "early")
    with pytest.raises(LinkDown, match="a recorder makes it"):
        await bus.claims_of(WORKER)
    await bus.unregister(WORKER)
    await bus.close()

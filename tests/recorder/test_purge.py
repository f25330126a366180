"""How a stream that is nearly full gets room again, and what may leave the tables after that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from recorder import finaliser, retention
from recorder.bus import Room
from recorder.retention import Purge, ended_before, find_purge, lost_by
from schemas.events.page import PageOpened
from schemas.streams import DAY_SECONDS
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_retention import finalised, has_left
from tests.support.recorder_running import MIB, running, settings_for
from tests.support.recorder_worker import FakeWorker, fake_worker


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(finaliser, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(retention, "MUCH", 0.0)  # or a day would have to pass


def room(bytes: int, first: int = 1, **ack_floors: int) -> Room:
    """A stream that may hold 1,000 bytes, in messages of 10."""
    return Room(
        epoch=1,
        first=first,
        messages=bytes // 10,
        bytes=bytes,
        max_bytes=1000,
        max_age_seconds=DAY_SECONDS,
        ack_floors=ack_floors,
    )


def test_stream_that_is_not_nearly_full_is_left_alone() -> None:
    assert find_purge(room(900), 90) is None
    assert find_purge(structs.replace(room(1000), max_bytes=-1), 100) is None


def test_nearly_full_stream_is_purged_to_four_fifths() -> None:
    assert find_purge(room(950), 95) == Purge(before=17, held_back_by=None)
    assert find_purge(room(1000, first=501), 600) == Purge(before=522, held_back_by=None)


def test_nothing_that_somebody_has_not_read_is_purged() -> None:
    assert find_purge(room(950, r1=95, slow=3), 95) == Purge(before=4, held_back_by="slow")
    assert find_purge(room(950, r1=95), 7) == Purge(before=8, held_back_by="this recorder")
    assert find_purge(room(950, dead=0), 95) == Purge(before=1, held_back_by="dead")
    assert find_purge(room(950, first=50, dead=7), 144) == Purge(before=50, held_back_by="dead")


def test_reader_of_a_space_holds_nothing_back() -> None:
    """Or one customer that stands still would stop the fleet."""
    full = room(950, r1=95, reader_s1=0, reader_s2=95)
    purge = find_purge(full, 95)
    assert purge == Purge(before=17, held_back_by=None)
    assert lost_by(full, purge) == ["reader_s1"]


def test_run_leaves_by_age_or_by_bytes() -> None:
    now_ns = 1_800_000_000 * 10**9
    assert ended_before(room(100), now_ns) == "2027-01-14T08:00:00.000Z"
    assert ended_before(room(700), now_ns) == retention.ANY_TIME
    for_ever = structs.replace(room(100), max_age_seconds=0)
    assert ended_before(for_ever, now_ns) == ""


@pytest.mark.usefixtures("_quick")
async def test_full_stream_is_purged_by_bytes(own_nats: NatsServer, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, own_nats.url, runs_max_bytes=MIB)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        done = await worker.open()
        await worker.end(done)
        await finalised(recorder, worker, done)
        run = await worker.open()
        for _ in range(100):  # half as much again as the stream can hold
            await worker.publish(run, *[run.event(PageOpened(url="x" * 15_000))])
            await eventually(lambda: has_room(worker))
        await eventually(lambda: has_left(recorder, done))
        state = (await worker._js.stream_info("RUNS")).state
        assert state.first_seq > 1
        assert state.bytes > 0.5 * MIB
        await worker.end(run)
        ended = await recorder.post(f"/v1/runs/{run.run_id}/wait")
        assert (ended["counts"]["events"], ended["missing"]) == (103, [])


async def has_room(worker: FakeWorker) -> bool:
    return (await worker._js.stream_info("RUNS")).state.bytes < 0.95 * MIB


@pytest.mark.usefixtures("_quick")
async def test_consumer_that_does_not_read_on_holds_the_purge_back(
    own_nats: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, own_nats.url, runs_max_bytes=MIB)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        await worker._js.add_consumer("RUNS", durable_name="downstream", ack_policy="explicit")
        run = await worker.open()
        events = [run.event(PageOpened(url="x" * 15_000)) for _ in range(63)]
        await worker.publish(run, *events)

        async def alarms() -> list[str]:
            checks: dict[str, Any] = (await recorder.get("/readyz"))["checks"]
            return list(checks.get("alarms", []))

        [alarm] = await eventually(alarms)
        assert "downstream has not read on" in alarm
        assert (await worker._js.stream_info("RUNS")).state.first_seq == 1
        await worker._js.delete_consumer("RUNS", "downstream")

        async def is_quiet() -> bool:
            return await alarms() == []

        async def is_purged() -> bool:
            return bool((await worker._js.stream_info("RUNS")).state.first_seq > 1)

        await eventually(is_quiet)
        await eventually(is_purged)

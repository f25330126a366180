"""Hosts that are gone for good, and all that only looks so: real NATS, a real recorder, workers without browsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from recorder import app, liveness, quarantine, reaper
from recorder.bus import Beat, Bus
from recorder.parts import Recorder
from recorder.queries import events, runs
from recorder.queries.events import EventFilter
from schemas import streams, subjects
from schemas.events.page import PageOpened
from schemas.streams import Bucket
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, fake_worker, new_id

LOST_SECONDS = 3.0  # a busy machine may hold a beat back for a second or two
BEAT_SECONDS = 0.1


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "LOST_SECONDS", LOST_SECONDS)
    monkeypatch.setattr(liveness, "MOST_GAP_SECONDS", LOST_SECONDS / 2)
    monkeypatch.setattr(reaper, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(reaper, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(reaper, "LOOK_SECONDS", 0.3)


@pytest.fixture
async def recorder(own_nats: NatsServer, tmp_path: Path) -> AsyncIterator[Recorder]:
    async with app.open_recorder(settings_for(tmp_path, own_nats.url)) as recorder:
        yield recorder


async def is_shown(recorder: Recorder, run: FakeRun) -> bool:
    return await runs.find_course(recorder.store, run.run_id) is not None


async def has_ended(recorder: Recorder, run: FakeRun) -> bool:
    course = await runs.find_course(recorder.store, run.run_id)
    return course is not None and course.ended


async def end_code(recorder: Recorder, run: FakeRun) -> str | None:
    course = await runs.find_course(recorder.store, run.run_id)
    return course.end_code if course else None


async def events_of(recorder: Recorder, run: FakeRun) -> list[Any]:
    page = await events.list_events(
        recorder.store, run.run_id, EventFilter(), after=None, limit=100, order="asc"
    )
    return page.data


async def settled_and_looked(recorder: Recorder) -> None:
    """Until JetStream has worked for long enough, and the reaper has looked twice after that."""
    await eventually(lambda: recorder.fleet.liveness.settled)
    for _ in range(2):
        look_at = recorder.reaper._look_at
        await eventually(lambda look_at=look_at: recorder.reaper._look_at > look_at)  # type: ignore[misc]


async def test_host_that_is_gone_for_good(recorder: Recorder, own_nats: NatsServer) -> None:
    async with (
        fake_worker(own_nats.url, "alive", beat_seconds=BEAT_SECONDS) as alive,
        fake_worker(own_nats.url, "gone", beat_seconds=BEAT_SECONDS) as gone,
    ):
        goes_on, run = await alive.open(), await gone.open()
        await settled_and_looked(recorder)
        assert not await has_ended(recorder, run)
        gone.silent = True
        await eventually(lambda: has_ended(recorder, run))
        assert await end_code(recorder, run) == "runtime.host_lost"
        *_, end = await events_of(recorder, run)
        assert (end.source, end.sequence, end.status) == ("recorder", 1, "failed")
        assert (await runs.get_run(recorder.store, run.run_id)).missing == []
        await eventually(lambda: is_released(recorder, run))
        assert await recorder.bus.find_claim(goes_on.runtime_id) is not None
        # Cut off it was: what it still did is kept, marked, and reopens nothing.
        await gone.publish(run, run.event(PageOpened(url="late")), run.ended())
        await eventually(lambda: counts(recorder, run, events=5))
        assert [event.late for event in await events_of(recorder, run)] == [
            *(False, False, False),
            *(True, True),
        ]
        assert await end_code(recorder, run) == "runtime.host_lost"
        assert not await has_ended(recorder, goes_on)


async def is_released(recorder: Recorder, run: FakeRun) -> bool:
    return await recorder.bus.find_claim(run.runtime_id) is None


async def counts(recorder: Recorder, run: FakeRun, events: int) -> bool:
    return (await runs.get_run(recorder.store, run.run_id)).counts.events == events


async def test_nats_that_was_away_for_long_ends_nothing(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than hosts may be silent, and so long that their keys are gone when it returns."""
    monkeypatch.setattr(streams, "WORKERS", Bucket(name=subjects.WORKERS_BUCKET, ttl_seconds=1))
    async with (
        app.open_recorder(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url, beat_seconds=BEAT_SECONDS) as worker,
    ):
        run = await worker.open()
        await settled_and_looked(recorder)
        await own_nats.stop()
        await eventually(lambda: not recorder.fleet.liveness.settled)
        await asyncio.sleep(LOST_SECONDS + 1)  # what is tested is that time passes
        await own_nats.start()
        await settled_and_looked(recorder)
        assert await is_shown(recorder, run)
        assert not await has_ended(recorder, run)
        assert not await is_released(recorder, run)


async def test_host_that_comes_back_in_time(recorder: Recorder, own_nats: NatsServer) -> None:
    async with fake_worker(own_nats.url, beat_seconds=BEAT_SECONDS) as worker:
        run = await worker.open()
        await settled_and_looked(recorder)
        lives = recorder.fleet.liveness
        worker.silent = True
        await asyncio.sleep(LOST_SECONDS / 4)  # what is tested is that time passes
        worker.silent = False
        await settled_and_looked(recorder)
        assert lives.judge({"w1"}).lost == ()
        assert not await has_ended(recorder, run)


async def test_watch_that_is_deaf_ends_nothing(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(bus: Bus) -> AsyncIterator[Beat]:
        await asyncio.Event().wait()
        yield Beat(worker_id="", heartbeat=None, fresh=False, revision=0)

    monkeypatch.setattr(Bus, "heartbeats", deaf)
    async with (
        app.open_recorder(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url, beat_seconds=BEAT_SECONDS) as worker,
    ):
        run = await worker.open()
        await settled_and_looked(recorder)
        assert not await has_ended(recorder, run)
        worker.silent = True
        await eventually(lambda: has_ended(recorder, run))


async def test_many_hosts_at_once_are_an_alarm(own_nats: NatsServer, tmp_path: Path) -> None:
    async with (
        running(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url, "a", beat_seconds=BEAT_SECONDS) as first,
        fake_worker(own_nats.url, "b", beat_seconds=BEAT_SECONDS) as second,
    ):
        opened = [await first.open(), await second.open()]
        first.silent = second.silent = True

        async def alarms() -> list[str]:
            checks: dict[str, Any] = (await recorder.get("/readyz"))["checks"]
            return list(checks.get("alarms", []))

        async def is_of_both() -> bool:  # of one of them at first, which has been silent for longer
            both = "2 of 2 worker hosts seem lost at once"
            return any(alarm.startswith(both) for alarm in await alarms())

        await eventually(is_of_both)
        for run in opened:
            assert (await recorder.get(f"/v1/runs/{run.run_id}"))["status"] == "active"
        first.silent = second.silent = False

        async def is_quiet() -> bool:
            return await alarms() == []

        await eventually(is_quiet)
        for run in opened:
            assert (await recorder.get(f"/v1/runs/{run.run_id}"))["status"] == "active"


async def test_two_recorders_that_race_write_one_end(own_nats: NatsServer, tmp_path: Path) -> None:
    one = settings_for(tmp_path / "one", own_nats.url, recorder_id="one")
    two = settings_for(tmp_path / "two", own_nats.url, recorder_id="two")
    async with (
        app.open_recorder(one) as first,
        app.open_recorder(two) as second,
        fake_worker(own_nats.url, beat_seconds=BEAT_SECONDS) as worker,
    ):
        opened = [await worker.open() for _ in range(20)]
        worker.silent = True
        for run in opened:
            await eventually(lambda run=run: has_ended(first, run))  # type: ignore[misc]
            await eventually(lambda run=run: has_ended(second, run))  # type: ignore[misc]
        for recorder in (first, second):
            for run in opened:
                told = await events_of(recorder, run)
                assert [event.type for event in told] == ["runtime.lifecycle"] * 3
        assert await ends_in_stream(worker) == len(opened)


async def ends_in_stream(worker: FakeWorker) -> int:
    info = await worker._js.stream_info("RUNS", subjects_filter="runs.*.*.recorder.>")
    return sum((info.state.subjects or {}).values())


async def test_run_that_nobody_claims_is_ended(recorder: Recorder, own_nats: NatsServer) -> None:
    """Its worker died between its claim's end and its own, or somebody deleted the claim."""
    async with fake_worker(own_nats.url, beat_seconds=BEAT_SECONDS) as worker:
        claimed, unreadable = await worker.open(), await worker.open()
        bucket = await worker._js.key_value(subjects.CLAIMS_BUCKET)
        await bucket.put(unreadable.runtime_id, b"of a later version")
        nobodys = FakeRun("w1", new_id(), new_id())
        replaced = FakeRun("w1", new_id(), claimed.runtime_id)
        for run in (nobodys, replaced):
            await worker.publish(run, run.launching(), run.ready())
        for run in (nobodys, replaced):
            await eventually(lambda run=run: has_ended(recorder, run))  # type: ignore[misc]
            assert await end_code(recorder, run) == "runtime.host_lost"
        await settled_and_looked(recorder)
        assert not await has_ended(recorder, claimed)
        assert not await has_ended(recorder, unreadable)


async def test_parked_run_is_not_nobodys(recorder: Recorder, own_nats: NatsServer) -> None:
    """Its end may be what could not be read, so nobody else writes one."""
    async with fake_worker(own_nats.url, beat_seconds=BEAT_SECONDS) as worker:
        run = FakeRun("w1", new_id(), new_id())
        await worker.publish(run, run.launching(), run.ready())
        subject = f"runs.{run.space_id}.{run.run_id}.w1.runtime.lifecycle"
        await worker.publish_raw(subject, b"?", new_id())
        await settled_and_looked(recorder)
        await settled_and_looked(recorder)
        assert not await has_ended(recorder, run)
        assert await ends_in_stream(worker) == 0
        [found] = await quarantine.find_all(recorder.store)
        await quarantine.skip(
            recorder.store, recorder.news, found.stream, found.epoch, found.position
        )
        await eventually(lambda: has_ended(recorder, run))


async def test_claim_of_a_run_that_has_ended_is_only_taken_back(
    recorder: Recorder, own_nats: NatsServer
) -> None:
    async with fake_worker(own_nats.url, beat_seconds=BEAT_SECONDS) as worker:
        run = await worker.open()
        await worker.publish(run, run.ended())
        worker.silent = True
        await eventually(lambda: is_released(recorder, run))
        assert await end_code(recorder, run) == "runtime.stop_requested"
        assert await ends_in_stream(worker) == 0

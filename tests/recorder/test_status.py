"""What `runreel status` sees, against a real server and a real database, whatever of them is there."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest

from recorder.ops.looking import Asked, look_around
from recorder.ops.status import Status
from recorder.store.migrations import MIGRATIONS
from schemas import subjects
from schemas.events.page import PageOpened
from schemas.problems import CannotReach, CannotStart
from schemas.settings import RecorderSettings
from tests.support.eventually import eventually
from tests.support.faults.stream import nats_client
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, fake_worker, new_id


async def look(settings: RecorderSettings, *, expected: bool = True) -> Status:
    return await look_around(Asked(settings=settings, database_expected=expected))


def codes(status: Status) -> set[str]:
    return {finding.code for finding in status.findings if finding.level == "problem"}


def page() -> PageOpened:
    return PageOpened(url="about:blank")


async def seen_when(settings: RecorderSettings, *wanted: str) -> Status:
    """The status, once its problems are these."""

    seen: list[Status] = []

    async def has() -> Status | None:
        seen.append(await look(settings))
        return seen[-1] if codes(seen[-1]) == set(wanted) else None

    return await eventually(has, explain=lambda: seen[-1].findings)


@pytest.fixture
async def settings(own_nats: NatsServer, tmp_path: Path) -> RecorderSettings:
    """Of a recorder that has run, so that streams and buckets are there."""
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings):
        return settings


async def test_all_is_well(settings: RecorderSettings) -> None:
    async with running(settings), fake_worker(settings.nats_url) as worker:
        run = await worker.open()
        await worker.publish(run, run.event(page()))
        status = await eventually(lambda: _caught_up(settings, 3))
    assert status.well
    runs, control = status.streams
    assert (runs.name, runs.state, runs.first, runs.last) == ("RUNS", "following", 1, 3)
    assert (runs.tables_first, runs.tables_last, runs.lag, runs.lag_seconds) == (1, 3, 0, 0.0)
    assert control.name == "CONTROL"
    assert status.open_runs == 1
    assert status.recorder.running
    assert status.recorder.size_bytes > 0
    [host] = status.hosts
    assert (host.worker_id, host.live, host.claims, host.capacity) == ("w1", True, 1, 100)
    assert {(each.stream, each.name) for each in status.consumers} == {
        ("RUNS", "r1"),
        ("CONTROL", "r1"),
    }
    rooms = {room.name: room for room in status.room}
    assert rooms["RUNS"].limit_bytes == settings.runs_max_bytes
    assert 0 < rooms["RUNS"].used_bytes < rooms["RUNS"].limit_bytes
    assert rooms["disk"].share > 0
    assert msgspec.json.decode(msgspec.json.encode(status), type=Status) == status


async def _caught_up(settings: RecorderSettings, position: int) -> Status | None:
    status = await look(settings)
    return status if status.streams[0].tables_last == position and status.well else None


async def test_holes_are_told_with_their_numbers(settings: RecorderSettings) -> None:
    async with running(settings), fake_worker(settings.nats_url) as worker:
        run = await worker.open()
        await worker.publish(run, *(run.event(page(), number) for number in (4, 5, 9)))
        await eventually(lambda: _missing(settings, 4))
        status = await seen_when(settings, "runs.holes")
    assert status.holes is not None
    [hole] = status.holes.first
    assert (hole.run_id, hole.missing) == (run.run_id, 4)
    assert [(gap.first, gap.last) for gap in hole.gaps] == [(3, 3), (6, 8)]


async def test_run_whose_beginning_had_left_the_stream_has_no_hole(
    settings: RecorderSettings, tmp_path: Path
) -> None:
    async with running(settings), fake_worker(settings.nats_url) as worker:
        run = await worker.open()
        await worker.publish(run, *(run.event(page()) for _ in range(5)))
        async with nats_client(settings.nats_url) as client:
            await client.jetstream().purge_stream(subjects.RUNS, seq=4)
        late = settings_for(tmp_path / "late", settings.nats_url, recorder_id="late")
        async with running(late):
            await eventually(lambda: _caught_up(late, 7))
            await worker.publish(run, run.event(page(), 10))
            await eventually(lambda: _missing(late, 5))


async def _missing(settings: RecorderSettings, count: int) -> bool:
    status = await look(settings)
    return status.holes is not None and status.holes.missing == count


async def test_without_a_recorder_the_file_is_read_and_the_lag_is_told(
    settings: RecorderSettings,
) -> None:
    async with fake_worker(settings.nats_url) as worker:
        async with running(settings):
            run = await worker.open()
            await eventually(lambda: _caught_up(settings, 2))
        await worker.publish(run, *(run.event(page()) for _ in range(5)))
        status = await look(settings)
    assert codes(status) == {"recorder.not_running"}
    runs = status.streams[0]
    assert (runs.state, runs.tables_last, runs.last, runs.lag) == ("unread", 2, 7, 5)
    assert runs.lag_seconds is not None
    assert 0 < runs.lag_seconds < 60
    assert {each.lag for each in status.consumers if each.stream == "RUNS"} == {5}
    assert not any(each.connected for each in status.consumers)


async def test_while_nats_is_away_the_tables_are_told(
    settings: RecorderSettings, own_nats: NatsServer
) -> None:
    async with running(settings):
        await own_nats.kill()
        status = await seen_when(settings, "nats.unreachable")
        assert not status.nats.reachable
        assert [each.state for each in status.streams] == ["unknown", "unknown"]
        assert status.streams[1].tables_last is not None
        assert status.recorder.answers
    status = await look(settings)
    assert codes(status) == {"nats.unreachable", "recorder.not_running"}


async def test_stream_that_was_made_anew_and_one_that_is_gone(settings: RecorderSettings) -> None:
    async with running(settings), fake_worker(settings.nats_url) as worker:
        run = await worker.open()
        await worker.publish(run, run.event(page()))
        await eventually(lambda: _caught_up(settings, 3))
    async with nats_client(settings.nats_url) as client:
        await client.jetstream().delete_stream(subjects.RUNS)
        assert "stream.missing" in codes(await look(settings))
    async with running(settings):
        status = await seen_when(settings, "stream.made_anew")
    assert status.streams[0].state == "made_anew"
    assert status.streams[0].lag is None


async def test_stream_that_was_rolled_back(
    settings: RecorderSettings, own_nats: NatsServer, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    async with fake_worker(settings.nats_url) as worker:
        async with running(settings):
            run = await worker.open()
            await eventually(lambda: _caught_up(settings, 2))
            await own_nats.stop()
            shutil.copytree(own_nats.directory, copy)
            await own_nats.start()
            await eventually(lambda: client_is_back(worker.client))
            await worker.publish(run, *(run.event(page()) for _ in range(4)))
            await eventually(lambda: _caught_up(settings, 6))
        await own_nats.stop()
        shutil.rmtree(own_nats.directory)
        shutil.copytree(copy, own_nats.directory)
        await own_nats.start()
        async with running(settings):
            status = await seen_when(settings, "stream.rolled_back")
        runs = status.streams[0]
        assert (runs.state, runs.last, runs.tables_last) == ("rolled_back", 2, 6)
        [finding] = [each for each in status.findings if each.level == "problem"]
        assert "it ends at 2, the tables hold 6" in finding.message
        assert "runreel log repair" in finding.hint


def client_is_back(client: object) -> bool:
    return bool(getattr(client, "is_connected", False))


async def test_host_that_left_runs_behind(settings: RecorderSettings) -> None:
    async with running(settings), fake_worker(settings.nats_url):
        async with fake_worker(settings.nats_url, "gone") as gone:
            await gone.claim(FakeRun("gone", new_id(), new_id()))
        status = await seen_when(settings, "host.lost")
    [lost] = [host for host in status.hosts if not host.live]
    assert (lost.worker_id, lost.claims, lost.silent_seconds) == ("gone", 1, None)


async def test_stream_that_is_not_as_the_settings_say(settings: RecorderSettings) -> None:
    async with running(settings):
        other = msgspec.structs.replace(settings, runs_max_bytes=settings.runs_max_bytes // 2)
        status = await look(other)
    [finding] = [each for each in status.findings if each.code == "stream.differs"]
    assert "max_bytes" in finding.message
    assert status.streams[0].differences


async def test_no_database(nats_server: NatsServer, recorder: Running, tmp_path: Path) -> None:
    elsewhere = settings_for(tmp_path, nats_server.url)
    assert codes(await look(elsewhere)) == {"database.missing"}
    status = await look(elsewhere, expected=False)
    assert status.well
    assert status.open_runs is None
    assert status.streams[0].lag is None


async def test_file_of_a_newer_version_or_that_is_none(settings: RecorderSettings) -> None:
    database = Path(settings.database)
    connection = sqlite3.connect(database)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.commit()
    connection.close()
    with pytest.raises(CannotStart, match="newer Runreel"):
        await look(settings)
    database.write_bytes(b"no database at all" * 1000)
    with pytest.raises(CannotReach, match="cannot be read as a database"):
        await look(settings)

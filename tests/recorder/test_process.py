"""The recorder as a process: why it refuses to start, how it ends, what it survives."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from recorder import app, cancelling, consumer, fleet
from recorder.api import health
from recorder.bus import Beat, Bus, connection
from recorder.consumer import Consumer
from recorder.entries import Message
from recorder.fleet import Fleet
from recorder.projector import Projector
from recorder.reaper import Reaper
from schemas import subjects
from schemas.problems import CannotStart
from schemas.settings import RecorderSettings
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, fake_worker, new_id

LIMIT_SECONDS = 30.0


async def refusal(settings: RecorderSettings) -> str:
    with pytest.raises(CannotStart) as refused:
        await app.serve(settings, asyncio.Event())
    assert refused.value.hint
    return refused.value.message


async def test_port_in_use(nats_server: NatsServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = await refusal(settings_for(tmp_path, nats_server.url, port=port))
    assert message == f"The address 127.0.0.1:{port} is in use by another program."


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
async def test_address_that_others_could_reach(
    nats_server: NatsServer, tmp_path: Path, host: str
) -> None:
    message = await refusal(settings_for(tmp_path, nats_server.url, host=host))
    assert "refuses to listen" in message


async def test_second_recorder_on_one_file(nats_server: NatsServer, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, nats_server.url, recorder_id="twin")
    async with running(settings):
        assert "Another recorder is using" in await refusal(settings)


async def test_directory_that_cannot_be_written(nats_server: NatsServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = settings_for(
        tmp_path, nats_server.url, database=str(tmp_path / "file" / "runreel.db")
    )
    assert "cannot be written to" in await refusal(settings)


async def test_file_that_is_no_database(nats_server: NatsServer, tmp_path: Path) -> None:
    file = tmp_path / "runreel.db"
    file.write_bytes(b"this is not a database, whatever its name says" * 100)
    message = await refusal(settings_for(tmp_path, nats_server.url, database=str(file)))
    assert "cannot be used as a database" in message


async def test_file_of_a_newer_runreel(nats_server: NatsServer, tmp_path: Path) -> None:
    file = tmp_path / "runreel.db"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    message = await refusal(settings_for(tmp_path, nats_server.url, database=str(file)))
    assert "newer Runreel" in message


async def test_nats_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.3)
    message = await refusal(settings_for(tmp_path, "nats://user:hidden@127.0.0.1:1"))
    assert "cannot be reached" in message
    assert "hidden" not in message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_drains(
    nats_server: NatsServer, tmp_path: Path, number: signal.Signals
) -> None:
    process = await start_process(nats_server, tmp_path)
    process.send_signal(number)
    async with asyncio.timeout(LIMIT_SECONDS):
        assert await process.wait() == 0
    assert [file.name for file in (tmp_path / "recorder").glob("*-wal")] == []


async def start_process(nats_server: NatsServer, directory: Path) -> asyncio.subprocess.Process:
    """A recorder in a process of its own, once it is listening."""
    program = (
        "import sys, msgspec, uvloop\n"
        "from recorder import app\n"
        "from schemas.settings import RecorderSettings\n"
        "settings = msgspec.json.decode(sys.argv[1], type=RecorderSettings)\n"
        "uvloop.run(app.run(settings, lambda url: print(url, file=sys.stderr, flush=True)))\n"
    )
    settings = settings_for(directory, nats_server.url, recorder_id=f"p-{os.getpid()}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, _json(settings)),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(LIMIT_SECONDS):
        assert (await process.stderr.readline()).startswith(b"http://")
    return process


def _json(settings: RecorderSettings) -> str:
    return msgspec.json.encode(settings).decode()


async def test_drain_ends_streams_without_their_end(own_nats: NatsServer, tmp_path: Path) -> None:
    async with (
        running(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url) as worker,
    ):
        run = FakeRun("w1", new_id(), new_id())
        await worker.publish(run, run.launching())
        await until_shown(recorder, run)
        path = f"/v1/runs/{run.run_id}/events/stream"
        async with recorder.http.stream("GET", path) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "event: run.event"
            recorder.stop.set()
            assert "event: run.ended" not in [line async for line in lines]


async def test_start_without_a_worker(own_nats: NatsServer, tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, own_nats.url)) as recorder:
        runtime = await recorder.post("/v1/runtimes", {}, status=201)
        await until_ready(recorder, 200)
        answer = await recorder.http.post(f"/v1/runtimes/{runtime['id']}/start")
        assert answer.status_code == 503
        assert answer.json()["code"] == "runtime.host_unavailable"
        assert "worker" in answer.json()["hint"]
        ready = await recorder.http.get("/readyz?for=start")
        assert (ready.status_code, ready.json()["reason"]) == (503, "No worker is there.")
        assert (await recorder.http.get("/readyz")).status_code == 200


async def test_worker_that_died_is_passed_over(own_nats: NatsServer, tmp_path: Path) -> None:
    async with (
        running(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url, "alive", capacity=1),
        fake_worker(own_nats.url, "dead", capacity=100) as dead,
    ):
        while len((await recorder.http.get("/readyz?for=start")).json()["checks"]["workers"]) < 2:
            pass
        await dead.stop_answering()
        runtime = await recorder.post("/v1/runtimes", {"start": True}, status=201)
        assert runtime["status"] == "active"


async def test_heartbeats_that_cannot_be_read_are_passed_over(
    own_nats: NatsServer, tmp_path: Path
) -> None:
    async with running(settings_for(tmp_path, own_nats.url)) as recorder:
        async with fake_worker(own_nats.url, "w2") as worker:
            await recorder.until_startable()
            bucket = await worker._js.key_value(subjects.WORKERS_BUCKET)
            for garbage in (b'{"workerId": "\xff"}', b"\xff", b"{}", b'{"x":' + b"[" * 100_000):
                await bucket.put("w0", garbage)
                await bucket.put("w2", garbage)
            ready = await recorder.get("/readyz", **{"for": "start"})
            assert [each["workerId"] for each in ready["checks"]["workers"]] == ["w2"]
        await recorder.until_startable(503)
        async with fake_worker(own_nats.url, "w3"):
            await recorder.until_startable()


async def test_watch_that_fails_begins_again(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = 0
    heartbeats = Bus.heartbeats

    async def failing(bus: Bus) -> AsyncIterator[Beat]:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise RuntimeError("no error of ours")
        async for beat in heartbeats(bus):
            yield beat

    monkeypatch.setattr(fleet, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(Bus, "heartbeats", failing)
    async with running(settings_for(tmp_path, own_nats.url)) as recorder, fake_worker(own_nats.url):
        await recorder.until_startable()
    assert failures == 3


async def test_background_job_that_dies_is_told_by_name() -> None:
    async def die() -> None:
        raise RuntimeError("gone")

    died: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    with capture_logs() as logs:
        async with app._in_background({"one": die(), "two": asyncio.sleep(60)}, died.set_result):
            assert str(await died) == "gone"
    died_by_name = [line["job"] for line in logs if line["event"] == "recorder.background_job_died"]
    assert died_by_name == ["one"]


@pytest.mark.parametrize("job", [(Fleet, "watch"), (Consumer, "run"), (Reaper, "run")])
async def test_recorder_without_one_of_its_jobs_drains_and_fails(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: tuple[type, str]
) -> None:
    async def die(_: object) -> None:
        raise RuntimeError("gone")

    monkeypatch.setattr(*job, die)
    with pytest.raises(RuntimeError, match="gone"), capture_logs() as logs:
        async with asyncio.timeout(LIMIT_SECONDS):
            await app.serve(settings_for(tmp_path, own_nats.url), asyncio.Event())
    assert "recorder.stopped" in [line["event"] for line in logs]


async def test_background_job_that_swallows_its_cancellation_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As `asyncio.wait_for` does when its time comes in the same turn of the loop."""
    monkeypatch.setattr(cancelling, "AGAIN_SECONDS", 0.01)
    rounds = 0

    async def deaf() -> None:
        nonlocal rounds
        while rounds < 3:
            with suppress(asyncio.CancelledError):
                rounds += 1
                await asyncio.sleep(60)

    async with asyncio.timeout(LIMIT_SECONDS), app._in_background({"deaf": deaf()}, lambda _: None):
        await asyncio.sleep(0.01)
    assert rounds == 3


async def test_heartbeat_of_a_dead_worker_is_no_readiness(
    own_nats: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        await recorder.until_startable()
        bucket = await worker._js.key_value(subjects.WORKERS_BUCKET)
        stale = (await bucket.get("w1")).value or b""
    async with fake_worker(own_nats.url, "w2") as worker:
        bucket = await worker._js.key_value(subjects.WORKERS_BUCKET)
        await bucket.put("w1", stale)
        await worker.beat()
        async with running(settings) as recorder:
            await recorder.until_startable()
            ready = await recorder.get("/readyz", **{"for": "start"})
    assert [each["workerId"] for each in ready["checks"]["workers"]] == ["w2"]


async def test_consumer_that_fails_again_and_again_is_not_ready(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(projector: Projector, messages: Sequence[Message]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(health, "MOST_FAILING_SECONDS", 0.2)
    monkeypatch.setattr(consumer, "PAUSE_SECONDS", 0.05)
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        run = FakeRun("w1", new_id(), new_id())
        await until_ready(recorder, 200)
        with monkeypatch.context() as broken:
            broken.setattr(Projector, "apply", fail)
            await worker.publish(run, run.launching())
            reason = await until_ready(recorder, 503)
        assert reason.startswith("Reading RUNS fails again and again")
        assert (await recorder.http.get("/v1/runs")).status_code == 200
        assert await until_ready(recorder, 200) == ""


async def until_ready(recorder: Running, status: int) -> str:
    """Until /readyz answers so; its reason."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while (answer := await recorder.http.get("/readyz")).status_code != status:
            await asyncio.sleep(0.02)
    return str(answer.json().get("reason", ""))


async def test_nats_killed_and_started_again(own_nats: NatsServer, tmp_path: Path) -> None:
    async with (
        running(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url) as worker,
    ):
        run = FakeRun("w1", new_id(), new_id())
        await worker.publish(run, run.launching())
        await until_shown(recorder, run)
        await own_nats.kill()
        await until_refused(recorder)
        assert (await recorder.get(f"/v1/runs/{run.run_id}"))["status"] == "active"
        await own_nats.start()
        while not worker.client.is_connected:
            await asyncio.sleep(0.02)
        await worker.publish(run, run.ready(), run.ended())
        ended = await recorder.post(f"/v1/runs/{run.run_id}/wait", {"timeoutMs": 20_000})
        assert (ended["status"], ended["lastSequence"], ended["missing"]) == ("stopped", 3, [])


async def until_refused(recorder: Running) -> None:
    """Until the recorder has noticed that NATS is away: then nothing can be changed."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            answer = await recorder.http.post("/v1/spaces", json={"name": "x"})
            if answer.status_code == 503:
                assert answer.json()["code"] == "storage.unavailable"
                return


async def test_recorder_resumes_where_it_stopped(own_nats: NatsServer, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    run = FakeRun("w1", new_id(), new_id())
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        await worker.publish(run, run.launching(), run.ready())
        await until_shown(recorder, run)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        await worker.publish(run, run.ended())
        ended = await recorder.post(f"/v1/runs/{run.run_id}/wait")
        assert ended["counts"]["events"] == 3


async def test_two_recorders_show_the_same(own_nats: NatsServer, tmp_path: Path) -> None:
    one = settings_for(tmp_path / "one", own_nats.url, recorder_id="one")
    two = settings_for(tmp_path / "two", own_nats.url, recorder_id="two")
    async with running(one) as first, running(two) as second:
        made = await first.http.post("/v1/runtimes", json={"name": "shared"})
        path = f"/v1/runtimes/{made.json()['id']}"
        position = made.headers["x-runreel-position"]
        answer = await second.http.get(path, headers={"x-runreel-min-position": position})
        assert answer.json() == made.json()
        async with fake_worker(own_nats.url) as worker:
            run = FakeRun("w1", new_id(), new_id())
            await worker.publish(run, run.launching(), run.ready(), run.ended())
            events = f"/v1/runs/{run.run_id}/events"
            for recorder in (first, second):
                await until_shown(recorder, run)
                await recorder.post(f"/v1/runs/{run.run_id}/wait")
            page = await first.get(events, limit=2)
            assert page == await second.get(events, limit=2)
            rest = await second.get(events, cursor=page["nextCursor"])
            assert [event["sequence"] for event in rest["data"]] == [3]


async def test_stream_made_anew_is_told_and_not_read(own_nats: NatsServer, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    run = FakeRun("w1", new_id(), new_id())
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        await worker.publish(run, run.launching(), run.ready())
        await until_shown(recorder, run)
    async with fake_worker(own_nats.url) as worker:
        await worker._js.delete_stream("RUNS")
        async with running(settings) as recorder:
            ready = await recorder.http.get("/readyz")
            while ready.json().get("reason", "").endswith("yet."):
                ready = await recorder.http.get("/readyz")
            assert ready.status_code == 503
            assert ready.json()["checks"]["RUNS"]["state"] == "made_anew"
            assert len((await recorder.get(f"/v1/runs/{run.run_id}/events"))["data"]) == 2
            assert (await recorder.post("/v1/spaces", {"name": "x"}, status=201))["name"] == "x"


async def until_shown(recorder: Running, run: FakeRun) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while (await recorder.http.get(f"/v1/runs/{run.run_id}")).status_code != 200:
            pass

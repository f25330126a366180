"""Browsers that wait for a run, under a real host."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs
from uuid_utils import uuid7

from schemas import subjects
from schemas.codec import decode_data
from schemas.events.runtime import RuntimeLifecycle
from schemas.requests import Refused, RunStarted
from schemas.runtime_config import RuntimeConfig, Viewport
from tests.support.eventually import eventually
from tests.support.living import living
from tests.support.nats_server import NatsServer
from tests.support.worker_host import Fleet, browser_setup, is_free, serving
from worker import warm as warm_module
from worker.browser import Browser, BrowserSetup
from worker.chromium import directory
from worker.chromium.sandbox import Sandbox
from worker.outbox import Entry
from worker.run_log import RunLog
from worker.warm import NO_FLAGS, Browsers, needs_no_flags

pytestmark = pytest.mark.browser


@asynccontextmanager
async def warm_browsers(tmp_path: Path, wanted: int) -> AsyncIterator[Browsers]:
    browsers = Browsers(browser_setup(tmp_path), wanted=wanted)
    keeping = asyncio.create_task(browsers.keep_warm())
    try:
        yield browsers
    finally:
        keeping.cancel()
        await browsers.close()
        assert list(browsers.setup.root.iterdir()) == []
        directory.remove_root(browsers.setup.root)


async def first(browsers: Browsers) -> Browser:
    await eventually(lambda: browsers.waiting)
    return next(iter(browsers._waiting))


def pid_of(browser: Browser) -> int:
    assert browser.process is not None
    return browser.process.pid


@pytest.mark.nats
async def test_a_start_takes_a_warm_one_and_another_comes(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path, capacity=1, warm=1) as worker:
        browsers = worker.host._browsers
        waiting = await first(browsers)
        await worker.host._beat()
        beat = await fleet.heartbeat()
        assert beat is not None
        assert (beat.warm, beat.active, beat.free) == (1, 0, 1)  # it counts not as capacity
        assert await fleet.events() == []
        bucket = await fleet.jetstream.stream_info(f"KV_{subjects.CLAIMS_BUCKET}")
        assert bucket.state.messages == 0
        started = await fleet.start("rt-1", RuntimeConfig(viewport=Viewport(width=801, height=603)))
        assert isinstance(started, RunStarted)
        runtime = worker.host.find_run(started.run_id)
        assert runtime is not None
        assert runtime.browser is waiting
        launching, ready = (decode_data(event) for event in (await fleet.events())[:2])
        assert isinstance(launching, RuntimeLifecycle)
        assert isinstance(ready, RuntimeLifecycle)
        assert (launching.phase, ready.phase) == ("launching", "ready")
        assert ready.browser == waiting.product
        other = await first(browsers)
        assert other is not waiting
        assert pid_of(other) != pid_of(waiting)
        if os.geteuid() == 0:
            assert other.directory.stat().st_uid != waiting.directory.stat().st_uid
        await fleet.stop("rt-1", started.run_id)
        assert not waiting.directory.exists()
    assert not worker.setup.root.exists()


@pytest.mark.nats
async def test_a_warm_one_of_which_no_run_became(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refused the first event: nothing has begun, and what was taken for it goes without a word."""

    def refused(_log: RunLog, *, proxied: bool) -> Entry:
        raise OSError(28, "no space left on device")

    async with serving(fleet, server.url, tmp_path, warm=1) as worker:
        taken = await first(worker.host._browsers)
        monkeypatch.setattr(RunLog, "launching", refused)
        answer = await fleet.start("rt-1")
        assert isinstance(answer, Refused)
        assert answer.code == "runtime.spool_full"
        await eventually(lambda: not taken.directory.exists())
        await eventually(lambda: is_free(fleet, "rt-1"))
        assert worker.host._active == 0
        assert await fleet.events() == []


@pytest.mark.nats
async def test_a_runtime_with_flags_of_its_own_gets_one_of_its_own(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path, warm=1) as worker:
        waiting = await first(worker.host._browsers)
        started = await fleet.start("rt-1", RuntimeConfig(timezone="Asia/Tokyo"))
        assert isinstance(started, RunStarted)
        runtime = worker.host.find_run(started.run_id)
        assert runtime is not None
        assert runtime.browser is not waiting
        assert runtime.browser.directory.name == started.run_id[-12:]
        assert await first(worker.host._browsers) is waiting


def test_what_changes_no_flag_needs_none(tmp_path: Path) -> None:
    setup = browser_setup(tmp_path)
    assert needs_no_flags(setup, RuntimeConfig())
    assert needs_no_flags(setup, RuntimeConfig(viewport=Viewport(width=1), max_duration_seconds=5))
    assert not needs_no_flags(setup, RuntimeConfig(timezone="Asia/Tokyo"))
    directory.remove_root(setup.root)


async def test_one_that_dies_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_module, "RETRY_SECONDS", 0.01)
    async with warm_browsers(tmp_path, 1) as browsers:
        dying = await first(browsers)
        psutil.Process(pid_of(dying)).kill()
        await eventually(lambda: browsers.waiting and dying not in browsers._waiting)
        await eventually(lambda: not dying.directory.exists())


async def test_one_that_died_a_moment_ago_is_given_to_nobody(tmp_path: Path) -> None:
    async with warm_browsers(tmp_path, 1) as browsers:
        dying = await first(browsers)
        os.kill(pid_of(dying), signal.SIGKILL)
        assert dying.process is not None
        # The loop, which should see it end, stands still.
        os.waitid(os.P_PID, dying.process.leader, os.WEXITED | os.WNOWAIT)
        taken = browsers.take(NO_FLAGS, "01a1f1b3-9de6-7000-8000-0123456789ab")
        assert taken is not dying
        assert not taken.is_up
        await browsers.clear_away(taken)


async def test_one_that_grew_old_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with warm_browsers(tmp_path, 1) as browsers:
        old = await first(browsers)
        monkeypatch.setattr(warm_module, "OLDEST_SECONDS", 0.0)
        browsers._wait(0)
        await eventually(lambda: old not in browsers._waiting)
        monkeypatch.undo()
        assert await first(browsers) is not old


async def test_none_is_started_while_a_run_starts(tmp_path: Path) -> None:
    async with warm_browsers(tmp_path, 1) as browsers:
        await first(browsers)
        with browsers.start_in_progress():
            taken = browsers.take(NO_FLAGS, "0123456789ab")
            assert taken.is_up
            for _ in range(50):
                await asyncio.sleep(0)  # the keeper has its turns
            assert browsers._coming is None
        await first(browsers)
        await browsers.clear_away(taken)


async def test_what_cannot_be_launched_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_module, "RETRY_SECONDS", 0.01)
    setup = browser_setup(tmp_path, Path("/bin/false"))
    with capture_logs() as logs:
        browsers = Browsers(setup, wanted=1)
        keeping = asyncio.create_task(browsers.keep_warm())
        await eventually(lambda: len([e for e in logs if e["event"] == "browsers.not_warm"]) > 1)
        keeping.cancel()
        await browsers.close()
    assert list(setup.root.iterdir()) == []
    directory.remove_root(setup.root)


async def test_what_nobody_foresaw_is_cleared_away_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_browser: Browser) -> None:
        raise KeyError("broken by a test")

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(Browser, "launch", broken)
        browsers = Browsers(browser_setup(tmp_path), wanted=1)
        keeping = asyncio.create_task(browsers.keep_warm())
        await eventually(lambda: [each for each in logs if each["event"] == "browsers.not_warm"])
        await eventually(lambda: not browsers._places and browsers._coming is None)
        assert browsers._not_before > time.monotonic()
    keeping.cancel()
    await browsers.close()
    directory.remove_root(browsers.setup.root)


async def test_all_are_gone_when_it_is_closed(tmp_path: Path) -> None:
    """Those that wait, and the one that was just coming."""
    browsers = Browsers(browser_setup(tmp_path), wanted=2)
    keeping = asyncio.create_task(browsers.keep_warm())
    waiting = await first(browsers)
    main = psutil.Process(pid_of(waiting))
    processes = [main, *main.children(recursive=True)]
    await eventually(lambda: browsers._coming is not None and browsers._coming.process is not None)
    await browsers.close()
    keeping.cancel()
    assert browsers.waiting == 0
    assert list(browsers.setup.root.iterdir()) == []
    await eventually(lambda: not living(processes), explain=lambda: living(processes))
    directory.remove_root(browsers.setup.root)


async def test_a_place_is_given_away_again_when_its_files_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browsers = Browsers(browser_setup(tmp_path))
    one, two = browsers.take(NO_FLAGS, "1" * 12), browsers.take(NO_FLAGS, "2" * 12)
    assert (one.place, two.place) == (0, 1)
    await browsers.clear_away(one)
    three = browsers.take(NO_FLAGS, "3" * 12)
    assert three.place == 0

    def refused(path: Path) -> None:
        raise PermissionError(13, "not allowed", str(path))

    monkeypatch.setattr(directory, "remove", refused)
    await browsers.clear_away(three)
    assert browsers.take(NO_FLAGS, "4" * 12).place == 2
    directory.remove_root(browsers.setup.root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process as another")
async def test_a_place_is_not_given_while_something_lives_under_its_uid(tmp_path: Path) -> None:
    first_uid = 60_500  # nobody else's
    sandbox = Sandbox(on=False, first_uid=first_uid, level="uid")
    browsers = Browsers(BrowserSetup(binary=Path("/bin/true"), root=tmp_path, sandbox=sandbox))
    left = subprocess.Popen(["sleep", "1000"], user=first_uid, start_new_session=True)
    try:
        browser = browsers.take(NO_FLAGS, str(uuid7()))
        assert browser.place == 1
        await browsers.clear_away(browser)
    finally:
        left.kill()
    await eventually(lambda: left.poll() is not None)
    assert browsers.take(NO_FLAGS, str(uuid7())).place == 0

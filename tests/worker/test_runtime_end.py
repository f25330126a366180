"""How runs end, and what is left of their browsers."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.codec import decode_event
from schemas.ends import REQUESTED, SPOOL_FULL
from tests.support.eventually import eventually
from tests.support.faults.small_disk import small_disk
from tests.support.living import living
from tests.support.real_runtime import real_runtime
from tests.support.worker_cdp import cdp_client
from tests.support.worker_pages import Pages
from worker import budgeted_log
from worker import runtime as runtime_module
from worker.budget import RunLimits
from worker.outbox import Entry, Outbox
from worker.run_log import RunLog
from worker.runtime import LaunchFailed

pytestmark = pytest.mark.browser

FLOOD = "for (let i = 0; i < 500; i++) console.log('x'.repeat(5000))"


async def test_stop_records_all_that_was_before_it_and_leaves_nothing(
    tmp_path: Path, site: Pages
) -> None:
    async with real_runtime(tmp_path) as real, cdp_client(real.connect_url) as client:
        page = await client.new_page()
        await page.goto(f"{site.url}/blank.html")
        await page.evaluate("for (let i = 0; i < 500; i++) console.log('line ' + i)")
        directory, processes = real.directory, real.processes()
        assert processes
        await real.runtime.stop(REQUESTED)
        said = [each["text"] for each in real.of("console.message")]
        assert said == [f"line {number}" for number in range(500)]
        events = real.events
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert events[-1].type == "runtime.lifecycle"
        end = real.of("runtime.lifecycle")[-1]
        assert (end["code"], end["_status"]) == ("runtime.stop_requested", "stopped")
        assert (await real.until("connection.closed"))["reason"] == REQUESTED.message
        await client.closed.wait()
        assert not directory.exists()
        await eventually(lambda: not living(processes), explain=lambda: living(processes))


async def test_stop_waits_for_what_the_browser_has_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with real_runtime(tmp_path) as real:
        course: list[str] = []
        switchboard, process = real.runtime.browser.switchboard, real.runtime.browser.process
        assert process is not None
        call, kill = switchboard.call, process.kill

        async def noted(method: str, params: dict[str, Any] | None = None) -> bytes:
            answer = await call(method, params)
            course.append(f"{method} answered")
            return answer

        def killed() -> None:
            course.append("killed")
            kill()

        monkeypatch.setattr(switchboard, "call", noted)
        monkeypatch.setattr(process, "kill", killed)
        await real.runtime.stop(REQUESTED)
        assert course == ["Browser.getVersion answered", "killed"]


async def test_a_browser_that_hangs_is_stopped_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_module, "FLUSH_SECONDS", 0.1)
    async with real_runtime(tmp_path) as real:
        os.kill(real.pid, signal.SIGSTOP)
        await real.runtime.stop(REQUESTED)
        assert real.of("runtime.lifecycle")[-1]["code"] == "runtime.stop_requested"


async def test_nobody_comes_in_once_it_is_being_stopped(tmp_path: Path) -> None:
    async with real_runtime(tmp_path) as real:
        stopping = asyncio.create_task(real.runtime.stop(REQUESTED))
        was_open = real.runtime.is_open
        await asyncio.sleep(0)
        assert not real.runtime.ended.done()
        assert (was_open, real.runtime.is_open) == (True, False)
        await stopping


async def test_it_ends_whatever_goes_wrong_with_its_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_message: str) -> None:
        raise KeyError("broken by a test")

    async with real_runtime(tmp_path) as real:
        monkeypatch.setattr(real.runtime.attachments, "end", broken)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await asyncio.wait_for(real.runtime.stop(REQUESTED), 60)
        assert real.of("runtime.lifecycle")[-1]["code"] == "runtime.stop_requested"


async def test_browser_is_killed(tmp_path: Path) -> None:
    async with real_runtime(tmp_path) as real, cdp_client(real.connect_url) as client:
        await client.new_page()
        processes = real.processes()
        os.kill(real.pid, signal.SIGKILL)
        ended = await real.until("runtime.lifecycle", phase="ended")
        assert (ended["code"], ended["_status"]) == ("browser.crashed", "failed")
        assert "signal 9" in ended["message"]
        assert real.events[-1].type == "runtime.lifecycle"
        assert len(real.of("connection.closed")) == 1
        await client.closed.wait()
        await real.runtime.ended
        assert not real.directory.exists()
        await eventually(lambda: not living(processes), explain=lambda: living(processes))


async def test_a_browser_whose_message_has_no_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with real_runtime(tmp_path) as real, cdp_client(real.connect_url) as client:
        page = await client.new_page()
        processes = real.processes()
        monkeypatch.setattr("worker.cdp.pipe.MOST_MESSAGE_BYTES", 4_000_000)
        asked = asyncio.create_task(page.evaluate("'y'.repeat(16e6)"))
        ended = await real.until("runtime.lifecycle", phase="ended")
        assert (ended["code"], ended["_status"]) == ("browser.crashed", "failed")
        assert "a message of more than 1 GiB" in ended["message"]
        asked.cancel()
        await eventually(lambda: not living(processes), explain=lambda: living(processes))


async def test_stopped_twice_it_ends_once(tmp_path: Path) -> None:
    async with real_runtime(tmp_path) as real:
        await real.runtime.stop(REQUESTED)
        await real.runtime.stop(REQUESTED)
        assert len([e for e in real.of("runtime.lifecycle") if e["phase"] == "ended"]) == 1


async def test_disk_full_in_the_middle_of_a_run(tmp_path: Path) -> None:
    with small_disk(tmp_path / "outbox") as disk:
        async with real_runtime(tmp_path) as real, cdp_client(real.connect_url) as client:
            page = await client.new_page()
            disk.fill(leave_kib=0)
            flood = {"id": 99, "method": "Runtime.evaluate", "params": {"expression": FLOOD}}
            client.send(msgspec.json.encode(flood | {"sessionId": page.session}))
            await client.closed.wait()  # without an answer
            await real.runtime.ended  # the disk is still full: that is what the reserve is for
            end = real.of("runtime.lifecycle")[-1]
            assert (end["code"], end["_status"]) == ("runtime.spool_full", "failed")
            assert real.events[-1].type == "runtime.lifecycle"
            numbers = [event.number for event in real.events]
            assert numbers == list(range(1, len(numbers) + 1))
            assert not real.directory.exists()


async def test_stopped_with_something_to_say_on_a_full_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was suppressed is told from the reserve too; what was not recorded makes it a failure."""
    monkeypatch.setattr(budgeted_log, "SUPPRESSED_TOLD_SECONDS", 3600)
    async with real_runtime(tmp_path, limits=RunLimits(events=5)) as real:
        async with cdp_client(real.connect_url) as client:
            page = await client.new_page()
            await page.evaluate("for (let i = 0; i < 100; i++) console.log('line ' + i)")
            real.outbox._fill("this test says so")
            await real.runtime.stop(REQUESTED)  # the end of the client's connection is not recorded
        assert real.of("connection.closed") == []
        (suppressed,) = [e for e in real.of("events.suppressed") if e["kind"] == "console.message"]
        assert suppressed["count"] + len(real.of("console.message")) == 100
        assert real.events[-1].type == "runtime.lifecycle"
        assert real.of("runtime.lifecycle")[-1]["code"] == "runtime.spool_full"
        numbers = [event.number for event in real.events]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_the_spool_is_full_while_the_browser_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There was room for the first event, and for none after it."""
    launching = RunLog.launching

    def launching_in_the_last_room(run_log: RunLog, *, proxied: bool) -> Entry:
        entry = launching(run_log, proxied=proxied)
        run_log._outbox._fill("this test says so")
        return entry

    monkeypatch.setattr(RunLog, "launching", launching_in_the_last_room)
    with pytest.raises(LaunchFailed) as failed:
        async with real_runtime(tmp_path):
            pass
    assert failed.value.end is SPOOL_FULL
    left = Outbox.open(tmp_path / "outbox")
    assert [decode_event(left.read(entry)[1]).number for entry in left.entries] == [1, 2]


async def test_the_end_tells_what_was_passed_over(tmp_path: Path) -> None:
    async with real_runtime(tmp_path) as real:
        tap, switchboard = real.runtime._tap, real.runtime.browser.switchboard
        assert tap is not None
        session = tap._session.decode()
        for method in ("Target.targetCrashed", "Target.targetCrashed", "Browser.downloadProgress"):
            unreadable = f'{{"method":"{method}","params":[],"sessionId":"{session}"}}'
            switchboard.dispatch(unreadable.encode())
        await real.runtime.stop(REQUESTED)
        passed_over = real.of("runtime.lifecycle")[-1]["passedOver"]
        assert passed_over["Target.targetCrashed"] == 2
        assert passed_over["Browser.downloadProgress"] == 1

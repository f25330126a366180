"""The original system's own client drives us: `bctrl==0.1.1`, unmodified, over a real port."""

from __future__ import annotations

import asyncio
from typing import Any

import bctrl
import pytest
from bctrl.errors import (
    BctrlAuthenticationError,
    BctrlConflictError,
    BctrlNotFoundError,
    BctrlValidationError,
)

from schemas.events.page import PageOpened
from tests.support.recorder_artifacts import make
from tests.support.recorder_running import KEY, Running
from tests.support.recorder_worker import FakeRun, FakeWorker

UNKNOWN = "01930000-0000-7000-8000-000000000000"


@pytest.fixture
def client(recorder: Running) -> Any:
    return bctrl.Bctrl(api_key=KEY, base_url=recorder.url)


async def test_spaces(client: Any) -> None:
    made = await asyncio.to_thread(client.spaces.create, name="judge")
    assert await asyncio.to_thread(client.spaces.get, made["id"]) == made
    assert made in await asyncio.to_thread(lambda: list(client.spaces.iter(limit=1)))
    inside = await asyncio.to_thread(client.spaces.runtimes.create, made["id"], name="x")
    assert inside["spaceId"] == made["id"]


async def test_runtimes_and_runs(client: Any, worker: FakeWorker) -> None:
    def drive() -> tuple[Any, Any]:
        with client.runtimes.started_browser(name="judge") as browser:
            active = client.runtimes.get(browser.id)
            assert active["connectUrl"] == browser.connect_url
            [run] = client.runtimes.runs.iter(browser.id)
            assert run["id"] == browser.run_id
        return browser.id, client.runs.wait(run["id"], timeout_ms=10_000)

    runtime_id, run = await asyncio.to_thread(drive)
    assert (run["waitStatus"], run["status"]) == ("completed", "stopped")
    assert run["runtimeId"] == runtime_id
    again = await asyncio.to_thread(client.runs.get, run["id"])
    assert again["finishedAt"] == run["finishedAt"]
    listed = await asyncio.to_thread(lambda: client.runs.list(runtime_id=runtime_id))
    assert [each["id"] for each in listed["data"]] == [run["id"]]


async def test_events(client: Any, worker: FakeWorker, run: FakeRun) -> None:
    events = [run.event(PageOpened(url=f"page {number}")) for number in range(5)]
    await worker.publish(run, *events)
    streaming = asyncio.create_task(
        asyncio.to_thread(lambda: list(client.runs.events.stream(run.run_id)))
    )
    await worker.end(run)
    told = await streaming
    assert [each["event"] for each in told] == ["run.event"] * 8 + ["run.ended"]
    listed = await asyncio.to_thread(
        lambda: list(client.runs.events.iter(run.run_id, limit=3, type=["page.*"]))
    )
    assert listed == [each["data"] for each in told[2:7]]
    rest = await asyncio.to_thread(
        lambda: list(client.runs.events.stream(run.run_id, cursor=told[3]["id"]))
    )
    assert rest == told[4:]


async def test_files(client: Any, recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    made = [await make(recorder, worker, run, b"x", kind=kind) for kind in ("pdf", "screenshot")]
    newest = [each.artifact_id for each in reversed(made)]
    listed = await asyncio.to_thread(lambda: list(client.runs.files.iter(run.run_id, limit=1)))
    assert [each["id"] for each in listed] == newest
    assert await asyncio.to_thread(client.files.get, newest[0]) == listed[0]
    page = await asyncio.to_thread(lambda: client.files.list(run_id=run.run_id, type=["pdf"]))
    assert [each["id"] for each in page["data"]] == [newest[1]]
    everywhere = await asyncio.to_thread(
        lambda: list(client.files.iter(runtime_id=run.runtime_id, source="runtime"))
    )
    assert everywhere == listed
    with pytest.raises(BctrlNotFoundError) as missing:
        await asyncio.to_thread(client.files.get, UNKNOWN)
    assert missing.value.code == "file.not_found"


async def test_whoami(client: Any) -> None:
    assert (await asyncio.to_thread(client.auth.whoami))["scope"] == "organization"


async def test_errors(client: Any, recorder: Running) -> None:
    with pytest.raises(BctrlNotFoundError) as missing:
        await asyncio.to_thread(client.runs.get, UNKNOWN)
    assert missing.value.code == "run.not_found"
    assert missing.value.request_id
    with pytest.raises(BctrlValidationError):
        await asyncio.to_thread(lambda: client.runs.list(limit=0))
    idle = await asyncio.to_thread(lambda: client.runtimes.create(name="idle"))
    with pytest.raises(BctrlConflictError):
        await asyncio.to_thread(client.runtimes.stop, idle["id"])
    stranger = bctrl.Bctrl(api_key="wrong-key", base_url=recorder.url)
    with pytest.raises(BctrlAuthenticationError):
        await asyncio.to_thread(stranger.auth.whoami)

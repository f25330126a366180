"""Seed 000 (runs) as it is written, by our own client: what was done, what commands ran, what files it produced."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path

import msgspec
import pytest

from deploy.site import Site
from recorder.client import Conflict, Runreel, RuntimeHandle
from schemas.actions import Batch, Click, Locator, Navigate, Screenshot
from schemas.resources import Artifact, RunEvent
from tests.support.eventually import eventually
from tests.support.stack import Stack


@pytest.fixture
async def runreel(stack: Stack) -> AsyncIterator[Runreel]:
    async with Runreel(stack.base_url, stack.api_key) as runreel:
        yield runreel


@pytest.fixture
async def runtime(runreel: Runreel) -> AsyncIterator[RuntimeHandle]:
    async with await runreel.runtimes.browser.launch(name="seed 000") as runtime:
        yield runtime


async def test_what_ran_and_what_it_produced(
    runreel: Runreel, runtime: RuntimeHandle, site: Site, tmp_path: Path
) -> None:
    run = await runtime.current_run()
    assert run is not None
    here = (await run.events.wait(timeout_seconds=0)).cursor
    ledger = Locator(role="link", name="Download the ledger")
    several = await runtime.invocations.create_and_wait(
        Batch(
            actions=[
                Navigate(url=f"{site.url}/download.html"),
                Click(locator=ledger),
                Screenshot(name="ledger.png"),
            ]
        )
    )
    assert several.status == "succeeded", several.resource.error
    missing = await runtime.invocations.create_and_wait(
        Click(locator=Locator(text="Nothing here"), timeout_ms=300)
    )
    assert missing.resource.error is not None
    download = (await run.events.wait(type="artifact.created", cursor=here)).event
    assert download is not None

    async def has_both() -> bool:
        return len(await run.artifacts.list().all()) == 2

    await eventually(has_both)
    await runtime.stop()

    commands = await run.commands.list(include=["error"]).all()
    assert [(each.sequence_no, each.entry_call, each.status) for each in commands] == [
        (1, "runtimes.start", "succeeded"),
        (2, "runtimes.invocations.create", "succeeded"),
        (3, "runtimes.invocations.create", missing.status),
        (4, "runtimes.stop", "succeeded"),
    ]
    artifacts = {each.resource.kind: each for each in await run.artifacts.list().all()}
    assert sorted(artifacts) == ["download", "screenshot"]
    assert commands[1].artifact_ids == [artifacts["screenshot"].id]
    for each in artifacts.values():
        content = await each.read()
        assert len(content) == each.resource.size_bytes
        assert hashlib.sha256(content).hexdigest() == each.resource.sha256
    saved = await artifacts["screenshot"].save(tmp_path)
    assert (saved.name, saved.read_bytes()[:4]) == ("ledger.png", b"\x89PNG")
    with pytest.raises(FileExistsError):
        await artifacts["screenshot"].save(tmp_path)
    same = await runreel.files.get(artifacts["download"].id)
    assert same.name == artifacts["download"].name == "report.csv"
    counts = (await run.refresh()).resource.counts
    assert (counts.files, counts.invocations, counts.tool_calls) == (2, 2, 4)
    assert isinstance(artifacts["download"].resource, Artifact)
    assert run.resource.wall in ("namespace", "uid", "none")

    assert (await run.wait()).wait_status == "completed"
    story = await run.activity.list().all()
    asked = {each.type: each for each in story if each.category == "invocation"}
    assert {kind: each.status for kind, each in asked.items()} == {
        "invocation.batch": "finished",
        "invocation.click": "failed",
    }
    parts = [each for each in story if each.parent_id == asked["invocation.batch"].id]
    assert [each.type for each in parts if each.category == "tool"] == ["tool.call"] * 3
    assert [story[0].type, story[-1].type] == ["runtime.started", "runtime.ended"]
    used = await run.usage()
    assert (used.billing_status, used.commands, used.tool_calls) == ("settled", 2, 4)
    assert used.files_bytes == sum(each.resource.size_bytes for each in artifacts.values())


async def test_they_lie_side_by_side(runtime: RuntimeHandle, site: Site) -> None:
    """What the browser did stands between the beginning and the end of the command that made it do so."""
    run = await runtime.current_run()
    assert run is not None
    done = await runtime.invocations.create_and_wait(Navigate(url=site.url))
    assert done.status == "succeeded"
    events = await run.events.list().all()
    of_it = [each for each in events if command_of(each) == done.id]
    assert [each.type for each in of_it] == [
        "command.queued",
        "command.started",
        "tool.call.started",
        "tool.call.finished",
        "command.finished",
    ]
    first, last = of_it[2].sequence, of_it[3].sequence
    between = {each.type for each in events if first < each.sequence < last}
    assert {"navigation", "network.request", "page.load"} <= between
    assert [key for key, _ in groupby(events, lambda each: each.source)] == ["worker"]


def command_of(event: RunEvent) -> str | None:
    data = msgspec.json.decode(event.data)
    found: str | None = data.get("commandId")
    return found


async def test_what_an_agent_outside_says(runtime: RuntimeHandle) -> None:
    run = await runtime.current_run()
    assert run is not None
    call = {"toolCallId": "call_1", "tool": "think"}
    ids = await run.events.put(
        {"type": "tool.call.started", "data": call, "id": "1"},
        {"type": "llm.usage", "data": {"model": "m", "inputTokens": 3, "outputTokens": 4}},
        {"type": "custom.plan", "data": {"steps": ["look"], "password": "swordfish"}},
    )
    again = {"type": "tool.call.started", "data": call, "id": "1"}
    more = await run.events.put(again, {"type": "custom.next"}, again)
    assert list(more) == [ids[0], more[1], ids[0]]
    ids = [*ids, more[1]]
    events = await run.events.list(type=["tool.*", "llm.*", "custom.*"]).all()
    assert [each.id for each in events] == list(ids)
    first = events[0].sequence
    assert [each.sequence for each in events[:3]] == [first, first + 1, first + 2]
    assert b"swordfish" not in bytes(events[2].data)
    assert (await run.refresh()).resource.missing == []
    await runtime.stop()
    with pytest.raises(Conflict):
        await run.events.put({"type": "custom.late"})

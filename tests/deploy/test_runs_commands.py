"""`runreel runs list` and `runreel runs show` as they are called, beside a real stack and a real browser."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import async_playwright

from deploy.processes import SOURCES
from deploy.runs import listing
from recorder.client import Runreel
from tests.support.ops.commands import runreel
from tests.support.run import Run, create_runtime, start
from tests.support.stack import Stack

PAGE = "data:text/html,<title>Told</title><button>Buy</button><script>console.error('No stock')</script>"
TOLD = "Opened “Told”"
LIMIT_S = 60.0


@pytest.fixture(scope="module")
async def run(stack: Stack) -> Run:
    """A run that has ended, of a runtime with a name; no other is begun after it."""
    run = await start(stack.http, await create_runtime(stack.http, name="storyteller"))
    await visit(run)
    await run.stop()
    return run


async def visit(run: Run) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(run.connect_url)
        page = await browser.contexts[0].new_page()
        await page.goto(PAGE)
        await page.click("button")
        await browser.close()


async def test_the_latest_run_is_told_as_a_story(stack: Stack, run: Run) -> None:
    done = await runreel("runs", "show", "--data", stack.data)
    assert (done.code, done.err) == (0, "")
    heading, *_ = lines = done.out.splitlines()
    assert heading == f"storyteller  {run.id}"
    assert any(f"◆ {TOLD}" in line for line in lines)
    assert any("✗" in line and "No stock" in line for line in lines)
    assert lines[-1].startswith("✓ Stopped after ")
    assert "\x1b" not in done.out


async def test_debug_has_all_of_it(stack: Stack, run: Run) -> None:
    normal = await runreel("runs", "show", run.id, "--data", stack.data, "--json")
    debug = await runreel("runs", "show", run.id, "--debug", "--data", stack.data, "--json")
    assert normal.answer["run"]["id"] == run.id
    shown = [row["id"] for row in normal.answer["activity"]]
    everything = [row["id"] for row in debug.answer["activity"]]
    assert set(shown) < set(everything)
    assert {row["view"] for row in normal.answer["activity"]} == {"normal"}


async def test_the_list_has_it_with_its_name(stack: Stack, run: Run) -> None:
    done = await runreel("runs", "list", "--data", stack.data, "--limit", "1")
    assert (done.code, done.err) == (0, "")
    line = done.out.splitlines()[1]
    assert line.startswith(f"✓ {run.id}  ")
    assert line.endswith("storyteller")
    done = await runreel(
        "runs", "list", "--data", stack.data, "--runtime", run.runtime_id, "--json"
    )
    (listed,) = done.answer["runs"]
    assert (listed["runtimeName"], listed["run"]["id"]) == ("storyteller", run.id)
    done = await runreel(
        "runs", "list", "--data", stack.data, "--runtime", run.runtime_id, "--status", "failed"
    )
    assert done.out.startswith("· No run is like that.")


async def test_a_run_that_was_removed_meanwhile_is_not_listed(stack: Stack, run: Run) -> None:
    async with Runreel(stack.base_url, stack.api_key) as runreel:
        summary = (await runreel.runs.get(run.id)).resource
        removed = msgspec.structs.replace(summary, id="01a2011f-db23-7198-8429-4363c420f708")
        (listed,) = await listing.listed(runreel, [removed, summary])
    assert (listed.run.id, listed.runtime_name) == (run.id, "storyteller")


async def test_what_cannot_be_shown_is_a_sentence(stack: Stack, tmp_path: Path) -> None:
    unknown = "01a2011f-db23-7198-8429-4363c420f708"
    done = await runreel("runs", "show", unknown, "--data", stack.data)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("runreel: ")
    done = await runreel("runs", "list", RUNREEL_BASE_URL=stack.base_url, RUNREEL_API_KEY="wrong")
    assert (done.code, done.out) == (1, "")
    assert "API key" in done.err
    done = await runreel("runs", "list", RUNREEL_BASE_URL="http://127.0.0.1:9", RUNREEL_API_KEY="k")
    assert done.code == 69
    assert (await runreel("runs", "list", cwd=tmp_path)).code == 2


async def test_a_run_is_followed_to_its_end(stack: Stack) -> None:
    run = await stack.run()
    following = await follow(stack, run)
    as_json = await follow(stack, run, "--json")
    try:
        await said(following, "is ready")
        await visit(run)
        await said(following, TOLD)
        await run.stop()
        last = (await following.communicate())[0].decode().splitlines()[-1]
        rows = [json.loads(line) for line in (await as_json.communicate())[0].splitlines()]
    finally:
        for process in (following, as_json):
            if process.returncode is None:
                process.kill()
    assert last.startswith("✓ Stopped after ")
    assert (following.returncode, as_json.returncode) == (0, 0)
    *activity, ended = rows
    assert (ended["id"], ended["status"]) == (run.id, "stopped")
    opening = [row["status"] for row in activity if row["type"] == "browser.navigate"]
    assert opening[-1] == "finished"


async def follow(stack: Stack, run: Run, *options: str) -> asyncio.subprocess.Process:
    command = ("-m", "deploy.cli", "runs", "show", "--follow", run.id, "--data", str(stack.data))
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, *options, cwd=SOURCES, stdout=PIPE, env=dict(os.environ)
    )


async def said(process: asyncio.subprocess.Process, words: str) -> None:
    """Wait for a line with these words."""
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT_S):
        while words not in (line := (await process.stdout.readline()).decode()):
            assert line, f"it ended without {words}"

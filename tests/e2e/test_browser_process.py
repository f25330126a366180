"""How a run's Chromium lives on its host: no door but the pipe, confined, and nothing outside its directory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.async_api import Page

from deploy.site import Site
from tests.support.eventually import eventually
from tests.support.run import Run
from tests.support.sockets import ESTABLISHED, LISTENING, tcp_sockets
from tests.support.stack import Stack, alive

SECCOMP_FILTER = "Seccomp:\t2"


@pytest.fixture
def chromium(stack: Stack, run: Run) -> psutil.Process:
    process = stack.browser_of(run)
    assert process is not None
    return process


@pytest.fixture
def sandboxed(chromium: psutil.Process) -> bool:
    return "--no-sandbox" not in chromium.cmdline()


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


async def test_it_listens_on_no_port(chromium: psutil.Process, page: Page, site: Site) -> None:
    await page.goto(site.url)
    sockets = [each for process in _family(chromium) for each in tcp_sockets(process.pid)]
    assert [each for each in sockets if each.state == LISTENING] == []
    assert [each for each in sockets if each.state == ESTABLISHED]
    assert not any("--remote-debugging-port" in part for part in chromium.cmdline())


async def test_it_does_not_run_as_root(chromium: psutil.Process, page: Page) -> None:
    assert await page.evaluate("1") == 1
    if os.geteuid() == 0:
        assert all(0 not in process.uids() for process in _family(chromium))
    else:
        assert chromium.uids().real == os.geteuid()


async def test_it_is_sandboxed_as_it_says(run: Run, sandboxed: bool) -> None:
    ready = await run.event("runtime.lifecycle", phase="ready")
    assert ready["data"]["sandbox"] is sandboxed


async def test_pages_are_confined_by_the_kernel(
    chromium: psutil.Process, sandboxed: bool, page: Page, site: Site
) -> None:
    if not sandboxed:
        pytest.skip("this machine allows Chromium no sandbox")
    await page.goto(site.url)

    def confined() -> list[bool]:
        """Of each renderer; a spare one may be starting, or gone."""
        found = []
        for each in _family(chromium):
            with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                if "--type=renderer" in each.cmdline():
                    found.append(_is_confined(each))
        return found

    await eventually(lambda: all(found := confined()) and found, explain=confined)


def _is_confined(process: psutil.Process) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    ours = _user_namespace(psutil.Process())
    return SECCOMP_FILTER in status and _user_namespace(process) != ours


def _user_namespace(process: psutil.Process) -> str:
    return str(Path(f"/proc/{process.pid}/ns/user").readlink())


async def test_it_writes_into_its_own_directory_only(
    stack: Stack, chromium: psutil.Process, run: Run, page: Page, site: Site
) -> None:
    await page.goto(site.url)
    directory = stack.directory_of(run)
    assert directory is not None
    written = {
        file.path for each in _family(chromium) for file in each.open_files() if _writes(file)
    }
    assert written
    assert [path for path in written if not Path(path).is_relative_to(directory)] == []
    assert list((directory / "tmp").iterdir())  # its TMPDIR; Chromium overwrites its environment


def _writes(file: Any) -> bool:
    return bool(set(file.mode) & set("wa+")) and not file.path.startswith("/dev/")


async def test_its_directory_is_closed_to_others(stack: Stack, run: Run) -> None:
    directory = stack.directory_of(run)
    assert directory is not None
    assert directory.stat().st_mode & 0o077 == 0


async def test_two_runs_have_nothing_in_common(
    stack: Stack, chromium: psutil.Process, run: Run
) -> None:
    other = await stack.run()
    second = stack.browser_of(other)
    assert second is not None
    assert _profile(second) != _profile(chromium)
    if os.geteuid() == 0:
        assert second.uids() != chromium.uids()
    await other.stop()
    assert (await run.get())["status"] == "active"


def _profile(process: psutil.Process) -> str:
    return next(part for part in process.cmdline() if part.startswith("--user-data-dir="))


async def test_nothing_of_it_is_left_when_the_run_is_stopped(
    stack: Stack, chromium: psutil.Process, run: Run, page: Page, site: Site
) -> None:
    await page.goto(f"{site.url}/download.html")
    async with page.expect_download():
        await page.click("a.button")
    family = _family(chromium)
    await run.stop()
    assert stack.directory_of(run) is None
    await eventually(lambda: not alive(family))

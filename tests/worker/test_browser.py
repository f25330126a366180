"""Browsers that do not come up: nothing of them listens any more."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from uuid_utils import uuid7

from schemas.runtime_config import RuntimeConfig
from worker.browser import LAUNCH_SECONDS, Browser, BrowserSetup
from worker.chromium import directory, network
from worker.chromium.network import Inside
from worker.chromium.sandbox import Sandbox, choose_sandbox
from worker.warm import LAUNCH_ERRORS

NO_BROWSER = Path("/bin/false")
NO_WALL = Sandbox(on=False)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Where browsers are, which may not be as far down as `tmp_path` is."""
    made = directory.default_root(tmp_path)
    directory.make_root(made)
    yield made
    assert list(made.iterdir()) == []
    directory.remove_root(made)


def browser_in(root: Path, sandbox: Sandbox) -> Browser:
    setup = BrowserSetup(binary=NO_BROWSER, root=root, sandbox=sandbox)
    return Browser(setup, RuntimeConfig(), place=0, browser_id=str(uuid7()))


async def clear_away(browser: Browser) -> None:
    browser.kill()
    if browser.process is not None:
        await browser.process.ended
    assert await browser.remove()


def listens(browser: Browser) -> bool:
    server = browser.egress._server
    return server is not None and bool(server.sockets)


async def test_one_that_dies_before_its_egress_is_opened(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = choose_sandbox("off", NO_BROWSER, root)
    if not sandbox.network:
        pytest.skip(f"no network of its own: {sandbox.level_note}")
    browser = browser_in(root, sandbox)
    out = network.handed_out
    handed: list[socket.socket] = []

    async def late(channel: socket.socket, *, jailed: bool) -> Inside:
        inside = await out(channel, jailed=jailed)
        handed.append(inside.listener)
        assert browser.process is not None
        await browser.process.ended
        return inside

    monkeypatch.setattr(network, "handed_out", late)
    with pytest.raises(LAUNCH_ERRORS):
        async with asyncio.timeout(LAUNCH_SECONDS):
            await browser.launch()
    assert not listens(browser)
    assert [each.fileno() for each in handed] == [-1]
    await clear_away(browser)


async def test_one_that_cannot_be_started_after_its_egress_was_opened(root: Path) -> None:
    browser = browser_in(root, NO_WALL)

    async def take_its_logs_place(user_data: Path, _uid: int | None) -> None:
        (user_data.parent / directory.LOG).mkdir()

    with pytest.raises(IsADirectoryError):
        await browser.launch(take_its_logs_place)
    assert listens(browser)
    assert await browser.remove()  # there was no process to kill
    assert not listens(browser)


async def test_one_that_is_killed_before_it_is_started(root: Path) -> None:
    browser = browser_in(root, NO_WALL)
    browser.kill()
    with pytest.raises(LAUNCH_ERRORS):
        await browser.launch()
    assert not listens(browser)
    await clear_away(browser)

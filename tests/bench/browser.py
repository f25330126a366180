"""Chromium without us: the same binary, flags, environment and uid as a worker gives it."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct
from uuid_utils import uuid7

from schemas.runtime_config import RuntimeConfig
from tests.bench.cdp import Cdp, over_pipe
from tests.bench.processes import until
from worker.chromium import directory, flags, process, proxy
from worker.chromium.find import find_chromium
from worker.chromium.sandbox import Sandbox, choose_sandbox

# Far from the places that the worker of the same figure gives to its browsers.
FIRST_PLACE = 100


class Setup(Struct, frozen=True):
    """What the browsers of a figure have in common."""

    binary: Path
    root: Path
    sandbox: Sandbox


class Browser(Struct):
    """A running browser and our client on its pipe; `port_url` where it was given a port too."""

    cdp: Cdp
    port_url: str
    first_answer_ms: float


class Spawned(Struct):
    """A browser's process, its directory, and when it was started."""

    process: process.Process
    home: Path
    since: float


def prepare(parent: Path) -> Setup:
    """A root for browsers' directories, and the sandbox that this machine allows."""
    binary, root = find_chromium(), parent / "plain"
    directory.make_root(root)
    return Setup(binary, root, choose_sandbox("auto", binary, root))


@asynccontextmanager
async def spawned(
    setup: Setup, *, place: int = 0, with_port: bool = False
) -> AsyncIterator[Spawned]:
    """A browser's process; killed, and its files removed, in the end."""
    uid = setup.sandbox.uid(FIRST_PLACE + place)
    home = directory.path_of(setup.root, str(uuid7()))
    directory.make(home, uid)
    command = _command(setup, home, uid, with_port=with_port)
    environment = flags.environment(home, RuntimeConfig(), path=os.defpath)
    since = time.perf_counter()
    browser = process.spawn(command, environment, home)
    try:
        yield Spawned(browser, home, since)
    finally:
        browser.kill()
        await browser.ended
        await asyncio.to_thread(directory.remove, home)


@asynccontextmanager
async def launched(
    setup: Setup, *, place: int = 0, with_port: bool = False
) -> AsyncIterator[Browser]:
    """A browser that has answered its first call."""
    async with (
        spawned(setup, place=place, with_port=with_port) as started,
        over_pipe(started.process.channel) as cdp,
    ):
        await cdp.call("Browser.getVersion")
        took_ms = (time.perf_counter() - started.since) * 1000
        yield Browser(cdp, await _port_url(started.home) if with_port else "", took_ms)


def _command(setup: Setup, home: Path, uid: int | None, *, with_port: bool) -> list[str]:
    line = flags.command_line(setup.binary, home, RuntimeConfig(), sandbox=setup.sandbox.on)
    line = [each for each in line if each not in proxy.arguments(0)]  # it goes straight to sites
    if with_port:
        line.insert(1, "--remote-debugging-port=0")
    if uid is None:
        return line
    ids = (f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
    return [shutil.which("setpriv") or "setpriv", *ids, "--no-new-privs", "--", *line]


async def _port_url(home: Path) -> str:
    told = home / "profile" / "DevToolsActivePort"

    async def there() -> bool:
        return told.is_file() and len(told.read_text().split()) == 2

    await until(there, "Chromium's debugging port")
    port, path = told.read_text().split()
    return f"ws://127.0.0.1:{port}{path}"

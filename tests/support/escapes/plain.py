"""Chromium as it comes, with a debugging port: what an attack can do there shows that the attack is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from tests.support.eventually import eventually
from tests.support.worker_cdp import CdpClient, cdp_client
from worker.chromium.find import find_chromium
from worker.chromium.process import Process, spawn

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # what runs as root has to
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-popup-blocking",
    "--remote-debugging-port=0",
)


class Plain:
    """A browser and a client on its debugging port; what it may touch is all that its user may."""

    def __init__(self, process: Process, driver: CdpClient, port: int) -> None:
        self.process = process
        self.driver = driver
        self.port = port


@asynccontextmanager
async def plain_chromium(
    directory: Path,
    home: Path,
    before: Sequence[str] = (),
    given: Mapping[int, int] = MappingProxyType({}),
) -> AsyncIterator[Plain]:
    """One for as long as the block, with its profile in `directory` and the home of whoever starts it.

    `before` stands before its command line, and has the descriptors that are `given`.
    """
    profile = directory / "profile"
    for part in (profile, directory / "downloads"):
        part.mkdir(parents=True)
    command = [*before, str(find_chromium()), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = spawn(command, {"PATH": "/usr/bin:/bin", "HOME": str(home)}, directory, given)
    try:
        told = profile / "DevToolsActivePort"
        await eventually(lambda: told.exists() and "/" in told.read_text())
        port, path = told.read_text().split()
        async with cdp_client(f"ws://127.0.0.1:{port}{path}") as driver:
            yield Plain(process, driver, int(port))
    finally:
        process.kill()
        await process.ended
        process.channel.close()

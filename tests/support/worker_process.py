"""A worker as a user starts it: `runreel worker`, a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.processes import SOURCES, python_environment, tethered
from tests.support.egress import LOOPBACK_SETTING
from tests.support.worker_host import WORKER
from worker.chromium import directory

END_SECONDS = 30.0
MAIN = "from deploy.cli import main; main()"


class WorkerProcess:
    """The process, what it says, and where its browsers keep their files."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, state_dir: Path) -> None:
        self.process = process
        self.runs = directory.default_root(state_dir)
        self.outbox = state_dir / "outbox"
        self._log = log

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        """All it has said."""
        return self._log.read_text(errors="replace")


@asynccontextmanager
async def worker_process(
    nats_url: str, place: Path, *, before: str = "", **settings: str
) -> AsyncIterator[WorkerProcess]:
    """Start it in that directory; told to end afterwards, if it has not ended by then.

    `before` is Python that runs in it first: what breaks a part of it.
    """
    log = place / "worker.log"
    given = {
        "RUNREEL_NATS_URL": nats_url,
        "RUNREEL_SECRET": "a secret of sixteen or more",
        "RUNREEL_WORKER_ID": WORKER,
        "RUNREEL_CHROMIUM_SANDBOX": "auto",
        "RUNREEL_STATE_DIR": str(place / "state"),
        "RUNREEL_ARTIFACTS_URL": str(place / "artifacts"),
        "RUNREEL_EGRESS_ALLOW": LOOPBACK_SETTING,
    }
    ours = {name: value for name, value in os.environ.items() if name[:8] != "RUNREEL_"}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *tethered((sys.executable, "-c", f"{before}\n{MAIN}", "worker")),
            cwd=SOURCES,
            env=python_environment(ours | given | settings),
            stdout=output,
            stderr=output,
        )
    try:
        yield WorkerProcess(process, log, place / "state")
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(END_SECONDS):
            await process.wait()

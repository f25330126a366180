"""A fleet that a test breaks: NATS server, recorders and workers, each a process of its own, under load.

async with Scene(directory) as scene:
    await scene.start_runs()
    …                               # the misfortune
    await everything_is_there(scene)
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from schemas import subjects
from schemas.settings import variable
from tests.support.egress import LOOPBACK_SETTING
from tests.support.eventually import eventually
from tests.support.faults import tables
from tests.support.faults.children import Child
from tests.support.faults.ledger import numbered
from tests.support.faults.proxy import Proxy
from tests.support.nats_server import NatsServer
from tests.support.ports import free_port
from tests.support.run import Run, create_runtime, start

KEY = "key-for-faults-0123456789"
SECRET = "secret-for-faults-0123456789"
MIB = 1024 * 1024
PATIENCE_SECONDS = 90.0  # of whoever waits for anything: machines are busy
SMALL_LAG = 1_000  # messages: a start waits two seconds at most until the tables show it
STREAMS = (subjects.RUNS, subjects.CONTROL)
RUNS = 4
LEAST_EVENTS_PER_SECOND = 300
EVENTS_PER_SECOND = 340  # of all runs of one `start_runs` together
RECORDER = "tests.support.faults.recorder_process"
WORKER = "tests.support.faults.worker_process"


class Recorder:
    """A recorder's process, its file, and its API."""

    def __init__(self, name: str, directory: Path, nats_url: str) -> None:
        self.name = name
        self.database = directory / name / "runreel.db"
        self.port = free_port()
        environment = shared_settings(nats_url) | {
            "recorder_id": name,
            "database": str(self.database),
            "port": str(self.port),
            "api_key": KEY,
        }
        self.process = Child(RECORDER, variables(environment), directory / f"{name}.log")
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"authorization": f"Bearer {KEY}"},
            timeout=60,
            trust_env=False,
        )

    def ends(self) -> str:
        """Of each run the event that ended it, as this recorder's tables have it."""
        return repr(tables.ending_events(self.database))

    async def is_ready(self, purpose: str = "history") -> bool:
        """Whether it serves history; for `start`, whether a runtime could be started and its tables would show it."""
        try:
            answer = await self.http.get("/readyz", params={"for": purpose})
        except httpx.TransportError:
            return False
        if answer.status_code != 200:
            return False
        checks = answer.json()["checks"]
        return purpose != "start" or all((checks[each]["lag"] or 0) < SMALL_LAG for each in STREAMS)


class Worker:
    """A worker's process, what it keeps, and its ledger. Without a rate it drives real browsers."""

    def __init__(
        self,
        name: str,
        directory: Path,
        nats_url: str,
        run_dir: Path,
        rate: float | None,
        **settings: str,
    ) -> None:
        self.name = name
        self.state_dir = directory / name
        self.ledger = directory / f"{name}.ledger"
        environment = shared_settings(nats_url) | {
            "worker_id": name,
            "state_dir": str(self.state_dir),
            "run_dir": str(run_dir / name),
            "artifacts_url": str(directory / "artifacts"),
            "chromium_sandbox": "off" if rate else "auto",
            "egress_allow": LOOPBACK_SETTING,
        }
        self.process = Child(WORKER, variables(environment | settings), directory / f"{name}.log")
        self.process.arguments = [str(self.ledger), *([str(rate)] if rate else [])]

    @property
    def ledger_bytes(self) -> int:
        """How long its ledger is: it grows while the worker has runs."""
        return self.ledger.stat().st_size if self.ledger.exists() else 0


class Scene:
    """What a test breaks. `recorders` and `workers` say how many; leaving it ends every process."""

    def __init__(
        self,
        directory: Path,
        *,
        recorders: int = 1,
        workers: int = 1,
        real_browsers: bool = False,
        **worker_settings: str,
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.nats = NatsServer(directory / "nats")
        self.runs: list[Run] = []
        # Other uids must reach it, and Chromium wants a short path: not below pytest's directories.
        self._run_dir = Path(tempfile.mkdtemp(prefix="rrf-"))
        self._run_dir.chmod(0o711)
        rate = None if real_browsers else EVENTS_PER_SECOND / RUNS
        self.way_to_nats = Proxy(self.nats.port)  # the workers' way
        self.recorders = [
            Recorder(f"r{number}", directory, self.nats.url) for number in range(1, recorders + 1)
        ]
        self.workers = [
            Worker(
                f"w{number}",
                directory,
                self.way_to_nats.url,
                self._run_dir,
                rate,
                **worker_settings,
            )
            for number in range(1, workers + 1)
        ]

    @property
    def recorder(self) -> Recorder:
        return self.recorders[0]

    @property
    def worker(self) -> Worker:
        return self.workers[0]

    @property
    def http(self) -> httpx.AsyncClient:
        return self.recorder.http

    @property
    def processes(self) -> list[Child]:
        return [
            *(each.process for each in self.workers),
            *(each.process for each in self.recorders),
        ]

    # life

    async def __aenter__(self) -> Self:
        try:
            await self.nats.start()
            await self.way_to_nats.open()
            for process in self.processes:
                await process.start()
            for recorder in self.recorders:
                await self.is_ready(recorder)
        except BaseException:  # cancelled too: nothing may be left running
            await self._clear_away()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                for process in self.processes:
                    await process.end()
        finally:
            await self._clear_away()

    async def _clear_away(self) -> None:
        for process in self.processes:
            if process.is_running:
                await process.kill()
        await self.way_to_nats.close()
        await self.nats.kill()
        for recorder in self.recorders:
            await recorder.http.aclose()
        shutil.rmtree(self._run_dir, ignore_errors=True)

    async def is_ready(self, recorder: Recorder, purpose: str = "start") -> None:
        """Wait until a recorder would start a runtime."""
        await eventually(lambda: recorder.is_ready(purpose), PATIENCE_SECONDS, explain=self.said)

    async def start_runs(self, count: int = RUNS) -> list[Run]:
        """Start that many runtimes, which all write at once."""
        runtimes = [await create_runtime(self.http) for _ in range(count)]
        runs = await asyncio.gather(*(start(self.http, runtime) for runtime in runtimes))
        self.runs += runs
        return list(runs)

    def numbered(self) -> dict[str, dict[int, str]]:
        """By the workers' own ledgers: of each run event id by number."""
        return numbered(worker.ledger for worker in self.workers)

    async def goes_on(self, events: int = 300) -> None:
        """Wait until the workers have numbered so many more events."""
        before = self._count()
        await eventually(
            lambda: self._count() >= before + events, PATIENCE_SECONDS, explain=self.said
        )

    async def under_load(self) -> None:
        """Wait until the workers number at least 300 events a second, over a second."""
        await eventually(self._is_under_load, PATIENCE_SECONDS, explain=self.said)

    async def _is_under_load(self) -> bool:
        before, since = self._count(), time.monotonic()
        await asyncio.sleep(1)
        return self._count() - before >= LEAST_EVENTS_PER_SECOND * (time.monotonic() - since)

    def _count(self) -> int:
        ledgers = [worker.ledger for worker in self.workers if worker.ledger.exists()]
        return sum(ledger.read_bytes().count(b"\n") for ledger in ledgers)

    def said(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"{process.log.name}:\n{process.said()}" for process in self.processes)


def shared_settings(nats_url: str) -> dict[str, str]:
    """What every process of a scene is told."""
    return {
        "nats_url": nats_url,
        "secret": SECRET,
        "runs_max_bytes": str(256 * MIB),
        "control_max_bytes": str(16 * MIB),
    }


def variables(settings: dict[str, str]) -> dict[str, str]:
    """Settings as environment variables."""
    return {variable(field): value for field, value in settings.items()}

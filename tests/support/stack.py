"""A whole running stack, as `runreel up` starts it for a user: NATS server, recorder and worker.

Its temporary files lie in a directory of its own, so that whatever is left behind is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from deploy.processes import python, python_environment, tethered
from tests.support.egress import LOOPBACK_SETTING
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.run import Run, create_runtime, start

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0
GONE_S = 90.0
SETTINGS = {
    "RUNREEL_RUNS_MAX_BYTES": str(256 * 1024**2),
    "RUNREEL_CONTROL_MAX_BYTES": str(16 * 1024**2),
    "RUNREEL_EGRESS_ALLOW": LOOPBACK_SETTING,
}


class Stack:
    """`async with Stack(directory) as stack`. Leaving it asserts that nothing is left behind."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.data = directory / "data"
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.AsyncClient(base_url=self.base_url, timeout=60, trust_env=False)
        # Other uids must reach it, and Chromium wants a short path: not below pytest's directories.
        self.temporary = Path(tempfile.mkdtemp(prefix="e2e-"))
        self._output = directory / "up.out"
        self._settings = SETTINGS | settings
        self._up: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self.temporary.chmod(0o711)
        try:
            await self.start()
        except BaseException:  # cancelled too: nothing may be left running
            await self.die()
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
            if self._up is not None:
                await self.stop()
        finally:
            await self._clear_away()

    async def _clear_away(self) -> None:
        await self.http.aclose()
        shutil.rmtree(self.temporary, ignore_errors=True)

    @property
    def api_key(self) -> str:
        """The key that `up` made at its first start."""
        return (self.data / "api-key").read_text().strip()

    @property
    def pid(self) -> int:
        """The process id of `up` itself."""
        assert self._up is not None
        return self._up.pid

    # life

    async def start(self) -> None:
        """`runreel up`; returns when a runtime could be started."""
        with self._output.open("ab") as output:
            self._up = await asyncio.create_subprocess_exec(
                *tethered(python("deploy.cli", "up", *self._options())),  # dies with these tests
                cwd=ROOT,
                env=python_environment(self._environment()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        await eventually(self.is_ready, READY_S, explain=self._output.read_text)
        self.http.headers["authorization"] = f"Bearer {self.api_key}"

    def _options(self) -> tuple[str, ...]:
        return ("--no-first-run", "--data", str(self.data), "--port", str(self.port))

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if name[:8] != "RUNREEL_"}
        return ours | self._settings | {"TMPDIR": str(self.temporary)}

    async def is_ready(self) -> bool:
        """Whether a runtime could be started."""
        assert self._up is not None
        assert self._up.returncode is None, self._output.read_text()
        try:
            return (await self.http.get("/readyz", params={"for": "start"})).status_code == 200
        except httpx.TransportError:
            return False

    async def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ctrl-C; asserts that it ends in order and that nothing of it is left."""
        up, self._up = self._up, None
        assert up is not None
        everything = psutil.Process(up.pid).children(recursive=True)
        try:
            up.send_signal(how)
            async with asyncio.timeout(GONE_S):
                code = await up.wait()
        except TimeoutError:
            os.killpg(up.pid, signal.SIGKILL)
            await up.wait()
            raise
        assert code == 0, self._output.read_text()
        await eventually(lambda: not alive(everything), explain=lambda: alive(everything))
        await eventually(lambda: not self.processes_of_ours(), explain=self.processes_of_ours)
        assert not list(self.temporary.iterdir()), "temporary files are left"

    async def die(self) -> None:
        """SIGKILL to `up` itself, as if the machine's owner had lost patience."""
        up, self._up = self._up, None
        assert up is not None
        if up.returncode is None:
            up.kill()
        await up.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """`up` itself stands still in this block: it starts nothing again."""
        up = psutil.Process(self.pid)
        up.suspend()
        try:
            yield
        finally:
            up.resume()

    # what runs

    def processes(self) -> dict[str, psutil.Process]:
        """`nats`, `recorder` and `worker`, as far as they live."""
        children = psutil.Process(self.pid).children()
        return {name: child for child in children if (name := _name_of(_command_line(child)))}

    async def end(self, name: str) -> None:
        """SIGKILL to one of them."""
        process = self.processes()[name]
        process.kill()
        await eventually(lambda: not alive([process]))

    async def kill(self, name: str) -> None:
        """SIGKILL to one of them; returns once another has taken its place."""
        before = self.processes()[name]
        before.kill()
        await eventually(lambda: self._successor(name, before), READY_S)

    def _successor(self, name: str, before: psutil.Process) -> bool:
        return self.processes().get(name, before) != before

    def processes_of_ours(self) -> list[str]:
        """Command lines of all processes that use a directory of this stack."""
        marks = (str(self.data), str(self.temporary))
        lines = (" ".join(_command_line(process)) for process in psutil.process_iter())
        return [line for line in lines if any(mark in line for mark in marks)]

    def browser_of(self, run: Run) -> psutil.Process | None:
        """The main process of a run's Chromium."""
        return find_browser(run)

    def crash_pages(self, run: Run) -> None:
        """Kill the processes of a run's pages, as a crash does; clients may not ask for one."""
        browser = self.browser_of(run)
        assert browser is not None
        for process in browser.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "--type=renderer" in process.cmdline():
                    process.kill()

    def directory_of(self, run: Run) -> Path | None:
        """Where a run's browser keeps its files, if it is there."""
        return next(self.temporary.glob(f"*/{run_directory_name(run)}"), None)

    # what users do

    async def run(self) -> Run:
        """A new runtime, started."""
        return await start(self.http, await create_runtime(self.http))


def find_browser(run: Run) -> psutil.Process | None:
    """The main process of a run's Chromium, found by its profile's directory."""
    mark = f"{run_directory_name(run)}/profile"
    for process in psutil.process_iter():
        line = _command_line(process)
        # What starts it, and what keeps its jail, has its command line behind a `--`.
        if (
            "--remote-debugging-pipe" in line
            and any(mark in part for part in line)
            and "--" not in line
        ):
            return process
    return None


def run_directory_name(run: Run) -> str:
    """Under the worker's temporary directory each run has one, named after its id's random end."""
    return run.id[-12:]


def _name_of(line: list[str]) -> str:
    if any(Path(part).name == "nats-server" for part in line):
        return "nats"
    return line[-1] if line[-1] in ("recorder", "worker") else ""


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() or [""]
    except psutil.Error:
        return [""]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run. A zombie does not: in a container perhaps nobody collects it."""
    return [each for each in processes if each.is_running() and _status(each) != "zombie"]


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return "zombie"

"""A process of ours that a test kills, stops, lets go on and starts again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.processes import python, python_environment, tethered

ROOT = Path(__file__).resolve().parents[3]
END_SECONDS = 60.0


class Child:
    """One command, run again and again; what it says is appended to its log."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self.arguments: Sequence[str] = ()
        self.log = log
        self._module = module
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; it dies with these tests."""
        ours = {name: value for name, value in os.environ.items() if name[:8] != "RUNREEL_"}
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tethered(python(self._module, *self.arguments)),
                cwd=ROOT,
                env=python_environment(ours | dict(self._environment)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def kill(self) -> None:
        """SIGKILL."""
        if self.is_running:
            self.send(signal.SIGKILL)
        await self.died()

    async def died(self, limit_s: float = END_SECONDS) -> int:
        """Wait until it is dead; its exit code."""
        assert self._process is not None
        async with asyncio.timeout(limit_s):
            return await self._process.wait()

    async def end(self) -> None:
        """SIGTERM, and the exit code 0 that is due then."""
        if not self.is_running:
            return
        self.send(signal.SIGTERM)
        try:
            code = await self.died()
        except TimeoutError:
            await self.kill()
            raise
        assert code == 0, self.said()

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        assert self._process is not None
        self._process.send_signal(number)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """SIGSTOP for as long as the block lasts."""
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)

    def times_said(self, event: str) -> int:
        """How often its log has that event."""
        return self.log.read_text(errors="replace").count(event)

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

"""A child process: started in a session of its own, tied to our life, its words in a log file."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TETHER = Path(__file__).with_name("tether.py")
SOURCES = Path(__file__).parents[1]
LOG_LIMIT_BYTES = 20 * 1024 * 1024
LAST_WORDS_BYTES = 64 * 1024


@dataclass(frozen=True)
class Program:
    """What to start. `argv[0]` is a path; `grace_s` is how long it may take to end. One that `may_leave` is not
    started again when it ends with 0.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    grace_s: float = 15.0
    may_leave: bool = False


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The argv that runs a module of ours with this same Python."""
    return (sys.executable, "-P", "-m", module, *arguments)


def python_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` in which a child finds our packages, and no folder that happens to stand
    around it.
    """
    found = [str(SOURCES), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, found))}


def tethered(argv: tuple[str, ...]) -> tuple[str, ...]:
    """`argv`, so started that it dies with this process."""
    return (sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *argv)


class Child:
    """A program that was started. Its session keeps the terminal's Ctrl-C away from it."""

    def __init__(self, program: Program, process: Process, said_before: int) -> None:
        self.program = program
        self._process = process
        self._said_before = said_before

    @classmethod
    async def start(cls, program: Program) -> Child:
        """Start it, its output appended to its log."""
        log, said_before = _open_log(program.log)
        try:
            process = await asyncio.create_subprocess_exec(
                *tethered(program.argv),
                env=program.environment,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        return cls(program, process, said_before)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int:
        """The exit code; minus the signal when one ended it. Only after `ended`."""
        assert self._process.returncode is not None
        return self._process.returncode

    async def ended(self) -> None:
        """Wait for its end."""
        await self._process.wait()

    async def end(self, force: asyncio.Event) -> None:
        """Ask it to end; kill it and its process group after its grace, or at once when `force`
        is set.
        """
        self._signal(signal.SIGTERM)
        await first_of(self.ended(), force.wait(), limit_s=self.program.grace_s)
        if self._process.returncode is None:
            self.kill()
        await self.ended()

    def kill(self) -> None:
        """SIGKILL to its whole process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """The end of what it wrote to its log, nothing from before its own start."""
        with self.program.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._said_before, end - LAST_WORDS_BYTES))
            return log.read().decode(errors="replace")

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


def _open_log(path: Path) -> tuple[int, int]:
    """A descriptor that appends to the log, and how long it is now. A long log becomes
    `<name>.log.1` first.
    """
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return log, os.fstat(log).st_size


async def first_of(*waits: Coroutine[Any, Any, Any], limit_s: float | None = None) -> None:
    """Wait until one of them is done, at most `limit_s`; the others are cancelled."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

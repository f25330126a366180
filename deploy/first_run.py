"""The first run, as `up` sees it: whether one is wanted, its progress, its story."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from deploy.data_dir import DataDir
from deploy.environment import FILE_SUFFIX, without_secrets
from deploy.processes import python, python_environment, tethered
from deploy.runs import showing
from deploy.runs.reach import Api, reading
from deploy.screen import Screen
from deploy.stack import Stack
from schemas.problems import CannotStart
from schemas.settings import variable

LIMIT_S = 180.0
NAME = "First run"


def wanted(data: DataDir, asked: bool | None) -> bool:
    """Whether to record one: as asked; unasked, once in the life of a data directory."""
    record = not data.first_run.exists() if asked is None else asked
    if asked is False:
        data.first_run.touch()
    return record


async def show(stack: Stack, screen: Screen) -> str:
    """Record a first run and print its story; returns its id. Raises CannotStart."""
    with screen.busy("Recording a first run …"):
        run_id = await _record(stack, screen)
        async with reading(Api(stack.api_url, stack.api_key.value)) as runreel:
            told = await showing.fetch(await runreel.runs.get(run_id), debug=False)
    stack.data.first_run.write_text(run_id + "\n", encoding="utf-8")
    screen.gap()
    showing.write(told, NAME, screen.console)
    return run_id


async def _record(stack: Stack, screen: Screen) -> str:
    log = stack.data.log("first-run")
    try:
        async with asyncio.timeout(LIMIT_S), _recorder(stack, log) as process:
            return await _follow(process, screen, log)
    except TimeoutError as error:
        raise CannotStart(
            f"The first run could not be recorded within {LIMIT_S:.0f} s.",
            f"See the logs beside {log}",
        ) from error


@asynccontextmanager
async def _recorder(stack: Stack, log: Path) -> AsyncIterator[Process]:
    """The recording process; it and Playwright's driver are gone when the block is left."""
    environment = {
        **without_secrets(os.environ),
        variable("api_key") + FILE_SUFFIX: str(stack.api_key.file),
        "TMPDIR": str(stack.data.temporary),
    }
    with _log(log) as stderr:
        process = await asyncio.create_subprocess_exec(
            *tethered(python("deploy.first_run_recording", stack.api_url)),
            env=python_environment(environment),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _log(path: Path) -> BinaryIO:
    return path.open("ab")


async def _follow(process: Process, screen: Screen, log: Path) -> str:
    """Read its lines; returns the run's id. Raises CannotStart with what it says went wrong."""
    assert process.stdout is not None
    async for line in process.stdout:
        said: dict[str, Any] = json.loads(line)
        if "step" in said:
            screen.now(f"Recording a first run: {said['step']} …")
        elif "problem" in said:
            raise CannotStart(*said["problem"])
        else:
            return str(said["run"])
    raise CannotStart("The first run could not be recorded: its process died.", f"See {log}")

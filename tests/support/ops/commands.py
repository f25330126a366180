"""Calls `runreel …` as a process of its own, without the settings of this one."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.processes import SOURCES


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def flat(self) -> str:
        """What it printed, without the line breaks that a terminal's width makes."""
        return " ".join(self.out.split())

    @property
    def answer(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


async def runreel(*arguments: object, cwd: Path = SOURCES, **environ: str) -> Done:
    """Call it; it must end within a minute."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RUNREEL_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.cli",
        *map(str, arguments),
        cwd=cwd,
        env={**ours, "PYTHONPATH": str(SOURCES), **environ},
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())

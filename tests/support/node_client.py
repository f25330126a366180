"""A Node library that drives a browser, told by a test what to do. The scripts lie in tests/e2e/node/."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import playwright

SCRIPTS = Path(__file__).parents[1] / "e2e" / "node"
DRIVER = Path(playwright.__file__).parent / "driver"  # Node and Playwright for Node, in one wheel
PLAYWRIGHT = DRIVER / "package"
LINE_BYTES = 16 * 1024 * 1024
LIMIT_S = 60.0


class NodeError(Exception):
    """What the library threw."""


class NodeClient:
    """`async with NodeClient("puppeteer", …) as client: await client("goto", url)`."""

    def __init__(self, library: str, downloads: Path) -> None:
        self.library = library
        self.downloads = downloads
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        if not (SCRIPTS / "node_modules").is_dir():
            raise FileNotFoundError(f"no node_modules in {SCRIPTS}: `make setup-dev` installs them")
        argument = PLAYWRIGHT if self.library == "playwright" else self.downloads
        self._process = await asyncio.create_subprocess_exec(
            *(str(DRIVER / "node"), str(SCRIPTS / f"{self.library}.mjs"), str(argument)),
            stdin=PIPE,
            stdout=PIPE,
            limit=LINE_BYTES,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()

    async def __call__(self, command: str, *args: object) -> Any:
        """Have one of the script's commands carried out. Raises NodeError."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"command": command, "args": args}) + "\n"
        self._process.stdin.write(line.encode())
        async with asyncio.timeout(LIMIT_S):
            answer = json.loads(await self._process.stdout.readline() or b'{"error": "it died"}')
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer["result"]

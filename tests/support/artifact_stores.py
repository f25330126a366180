"""Artifact stores for tests: a directory, and a real S3 server (moto's) in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Literal

from deploy.processes import tethered
from tests.support.eventually import eventually
from tests.support.ports import free_port

StoreKind = Literal["directory", "s3"]
KINDS: tuple[StoreKind, ...] = ("directory", "s3")

START_SECONDS = 30.0
KEY_ID, KEY = "tester", "not-a-secret"


class S3Server:
    """`async with S3Server(directory) as s3: s3.url("bucket")`. All that it has is in its memory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to reach it."""
        return {
            "AWS_ENDPOINT": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_REGION": "us-east-1",
        }

    def url(self, bucket: str, prefix: str = "runreel") -> str:
        """A store in a bucket, which is made."""
        request = urllib.request.Request(f"{self.endpoint}/{bucket}", method="PUT")
        urllib.request.urlopen(request).close()
        return f"s3://{bucket}/{prefix}"

    async def __aenter__(self) -> S3Server:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it on its port, empty; returns once it answers."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / "s3.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tethered(
                    (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port))
                ),
                env={"PATH": os.defpath, "HOME": str(self._directory)},
                stdout=log,
                stderr=log,
            )
        await eventually(self._answers, START_SECONDS)

    async def stop(self) -> None:
        """Kill it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, "moto_server has ended"
        try:
            _reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

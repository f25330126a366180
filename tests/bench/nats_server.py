"""The real NATS server, set up as `runreel up` sets it up: what it acknowledges is on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.processes import running, until
from tests.support.nats_server import find_nats_server
from tests.support.ports import free_port

_CONFIG = """
listen: 127.0.0.1:{port}
server_name: bench
max_payload: 2MB
jetstream {{
  store_dir: "{directory}/jetstream"
  sync_interval: always
  max_memory_store: 64MB
  max_file_store: 4GB
}}
"""


@asynccontextmanager
async def nats_server(directory: Path) -> AsyncIterator[str]:
    """Its URL, for as long as the block lasts."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = directory / "nats.conf"
    config.write_text(_CONFIG.format(port=port, directory=directory))

    async def answers() -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        greeting = await reader.readline()
        writer.close()
        return greeting.startswith(b"INFO")

    async with running([find_nats_server(), "-c", str(config)], directory / "nats.log"):
        await until(answers, "the NATS server")
        yield f"nats://127.0.0.1:{port}"

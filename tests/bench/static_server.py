"""The API's HTTP server with Litestar's own handler for files: `python -m tests.bench.static_server DIR PORT`."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

import uvloop
from litestar import Litestar
from litestar.static_files import create_static_files_router

from recorder.api import server


async def serve(directory: str, port: int) -> None:
    """Until SIGTERM."""
    router = create_static_files_router(path="/", directories=[directory])
    app = Litestar(route_handlers=[router], openapi_config=None, logging_config=None)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with socket.create_server(("127.0.0.1", port), backlog=16) as listener:
        await server.serve(app, listener, stop)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))

"""How a listening server is closed, whichever it is."""

from __future__ import annotations

import asyncio


def close_server(server: asyncio.Server) -> None:
    """Accept nothing more; the port is free after the next turn of the loop.

    Only then, because asyncio wants it open still when what was accepted in this turn attaches itself. A server that is
    closed at once leaves such a connection open with nobody to hear it, and says nothing (CPython gh-109564).
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener)
    loop.call_soon(server.close)

"""The way out of a network of a browser's own: a socket that listens in there, made and handed out by `starter`."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable

from msgspec import Struct

from worker.chromium import starter

PORT = starter.ADDRESS[1]  # where each browser has a network of its own
PART_BYTES = 4096
_CHILD = re.compile(rb'"child-pid":\s*(\d+)\D')


class Inside(Struct, frozen=True):
    """What a browser's start told us: where its egress listens, and the first process of its jail, if it has one."""

    listener: socket.socket
    first: int | None = None


async def handed_out(channel: socket.socket, *, jailed: bool) -> Inside:
    """What comes out of a browser's start by that channel of ours. Raises OSError where it does not come to that."""
    told, listener = b"", None
    while listener is None or (
        jailed and not told.rstrip().endswith(b"}")
    ):  # it writes line by line
        part, received = await _part(channel)
        listener = received or listener
        told += part
        if not part:
            if listener is not None:
                listener.close()
            raise OSError("the browser could not be walled in")
    found = _CHILD.search(told)
    return Inside(listener, int(found[1]) if found else None)


async def _part(channel: socket.socket) -> tuple[bytes, socket.socket | None]:
    """What is there next, and the socket that came with it."""
    await _readable(channel)
    part, descriptors, _, _ = socket.recv_fds(channel, PART_BYTES, 1)
    if not descriptors:
        return part, None
    listener = socket.socket(fileno=descriptors[0])
    listener.setblocking(False)
    return part, listener


async def _readable(channel: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    there: asyncio.Future[None] = loop.create_future()
    loop.add_reader(channel, _tell(there))
    try:
        await there
    finally:
        loop.remove_reader(channel)


def _tell(there: asyncio.Future[None]) -> Callable[[], None]:
    return lambda: None if there.done() else there.set_result(None)

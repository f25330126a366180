"""Ports that no test of this process has had yet: what a browser or a client remembers of one is not another's."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.site.server import open_listeners

# Below those that the system gives to whoever asks for any port: one that is free stays so while its server is killed
# and started again. Above 10080, which browsers refuse.
LOWEST, HIGHEST = 11_000, 32_000

_had: set[int] = set()
_random = random.SystemRandom()  # what Hypothesis seeds would repeat itself


def free_port() -> int:
    """A port of 127.0.0.1 for a server that is started later, and perhaps again."""
    while True:
        port = _random.randint(LOWEST, HIGHEST)
        if port not in _had and _is_free(port):
            _had.add(port)
            return port


def new_listeners() -> list[socket.socket]:
    """Sockets that listen on a port of both loopback addresses."""
    with _closed_afterwards() as passed_over:
        while (port := (listeners := open_listeners())[0].getsockname()[1]) in _had:
            passed_over.extend(listeners)
        _had.add(port)
        return listeners


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextmanager
def _closed_afterwards() -> Iterator[list[socket.socket]]:
    """While they are open they are not offered again."""
    sockets: list[socket.socket] = []
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()

"""Where the socket stands: beside the database, whatever the length of its path.

A unix socket's address holds 107 bytes. So the path is not in it: one binds and connects by way of
/proc/self/fd, to a directory or to the socket itself that was opened before.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def socket_path(database: Path) -> Path:
    """The socket of the recorder that has this database."""
    return database.with_name(database.name + ".sock")


def bound(path: Path) -> socket.socket:
    """A socket at `path`, for this user only, in the place of whatever was left there.

    The caller holds the database's lock. It takes its place when nobody else can connect to it any
    more nor anybody yet: bound under another name, closed to others, then renamed.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    name = f".{secrets.token_hex(4)}.sock"
    try:
        with _opened(path.parent, os.O_PATH | os.O_DIRECTORY) as directory:
            listener.bind(f"/proc/self/fd/{directory}/{name}")
            os.chmod(name, 0o600, dir_fd=directory)
            os.rename(name, path.name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def connected(path: Path) -> socket.socket:
    """A connection to the socket at `path`. Raises OSError where nobody listens."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _opened(path, os.O_PATH) as there:
            client.connect(f"/proc/self/fd/{there}")
    except OSError:
        client.close()
        raise
    client.setblocking(False)
    return client


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

"""The TCP sockets that a process holds, in whatever network it lives: psutil sees those of our own."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from msgspec import Struct

LISTENING, ESTABLISHED = "0A", "01"


class Socket(Struct, frozen=True):
    """One row of /proc/…/net/tcp: ports here and there, and its state."""

    port: int
    peer_port: int
    state: str


def tcp_sockets(pid: int) -> list[Socket]:
    """Those that it holds now."""
    held = _held(pid)
    return [socket for inode, socket in _of_its_network(pid) if inode in held]


def listening_ports(pid: int) -> set[int]:
    """All ports in its network at which somebody listens."""
    return {socket.port for _, socket in _of_its_network(pid) if socket.state == LISTENING}


def _of_its_network(pid: int) -> list[tuple[str, Socket]]:
    rows = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            rows.append((cells[9], Socket(_port(cells[1]), _port(cells[2]), cells[3])))
    return rows


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _held(pid: int) -> set[str]:
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if found := re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink())):
                held.add(found[1])
    return held

"""Hosts of their own on one machine: network namespaces that see each other through a switch, and nothing else.

All of it vanishes with the namespaces, which are removed in the end; what hangs on them is of this test alone.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.processes import SOURCES, python_environment, tethered

NETWORK = "10.0.0.0/24"
CLONE_NEWNET = 0x40000000
NAMESPACES = Path("/run/netns")
SWITCH = "switch"
END_SECONDS = 90.0


def why_not() -> str | None:
    """Why this machine cannot have them; None where it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no ip (iproute2)"
    name = f"try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return "network namespaces are not allowed here"
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return None


class Network:
    """Hosts by name, each with an address of its own and a loopback of its own."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        _ip("netns", "add", _namespace(SWITCH))
        self._in(SWITCH, "link", "add", "br0", "type", "bridge")
        self._in(SWITCH, "link", "set", "br0", "up")

    def add(self, host: str, number: int) -> str:
        """A host on a cable to the switch; its address, 10.0.0.<number>."""
        address = self._addresses[host] = f"10.0.0.{number}"
        _ip("netns", "add", _namespace(host))
        ends = ("link", "add", f"to-{number}", "type", "veth", "peer", "name", "eth0")
        self._in(SWITCH, *ends, "netns", _namespace(host))
        self._in(SWITCH, "link", "set", f"to-{number}", "master", "br0", "up")
        self._in(host, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self._in(host, "link", "set", device, "up")
        return address

    def unplug(self, host: str) -> None:
        """Pull its cable."""
        self._in(host, "link", "set", "eth0", "down")

    def remove(self) -> None:
        """The namespaces and all that is in them."""
        for host in (*self._addresses, SWITCH):
            _ip("netns", "delete", _namespace(host))

    @contextmanager
    def inside(self, host: str) -> Iterator[None]:
        """What this thread opens in this block, and the processes it starts, is on that host."""
        with Path("/proc/self/ns/net").open("rb") as here:
            _enter(NAMESPACES / _namespace(host))
            try:
                yield
            finally:
                _set_namespace(here.fileno())

    def _in(self, host: str, *arguments: str) -> None:
        _ip("-n", _namespace(host), *arguments)


class Process:
    """A process on a host. It dies with this one."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    def said(self) -> str:
        """All that it has said."""
        return self._log.read_text(errors="replace")

    async def ended(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(END_SECONDS):
            return await self.process.wait()

    async def end(self) -> None:
        """SIGTERM, unless it has ended."""
        if self.process.returncode is None:
            self.process.terminate()
        await self.ended()


async def started(
    network: Network, host: str, argv: Sequence[str], environment: Mapping[str, str], log: Path
) -> Process:
    """Start it on that host."""
    ours = {name: value for name, value in os.environ.items() if name[:8] != "RUNREEL_"}
    with log.open("ab") as output, network.inside(host):
        process = await asyncio.create_subprocess_exec(
            *tethered(tuple(argv)),
            cwd=SOURCES,
            env=python_environment({**ours, **environment}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return Process(process, log)


def _namespace(host: str) -> str:
    return f"runreel-{os.getpid()}-{host}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _enter(namespace: Path) -> None:
    with namespace.open("rb") as file:
        _set_namespace(file.fileno())


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

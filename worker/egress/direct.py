"""Connects to a host by those of its addresses that may be connected to: all are judged first."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from aiohappyeyeballs import start_connection

from schemas.egress import Address, Allowed
from worker.egress import addresses, causes
from worker.egress.causes import Cause
from worker.egress.names import Names, NameUnknown

# Less than Chromium gives its proxy (30 s), so that it hears from us what was the matter.
CONNECT_SECONDS = 25.0
# Until the next address is tried beside the one that does not answer (RFC 8305).
NEXT_ADDRESS_SECONDS = 0.25
# A peer that takes nothing of what it was sent for so long is gone.
UNTAKEN_MS = 120_000
KEEPALIVE_SECONDS = 45

_CAUSES = {
    errno.ECONNREFUSED: causes.REFUSED_BY_SERVER,
    errno.ECONNRESET: causes.RESET,
    errno.ETIMEDOUT: causes.TIMED_OUT,
    errno.EMFILE: causes.TOO_MANY,
    errno.ENFILE: causes.TOO_MANY,
}


class Unreached(Exception):
    """No connection came about; why."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.text)
        self.cause = cause


def is_own(address: Address) -> bool:
    """Whether an address is one of this host's own, public ones too: it would be reached from its very self."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))  # sends nothing
            return bool(probe.getsockname()[0] == str(address))
    except OSError:
        return False  # no way leads there


class Direct:
    """Connections from this host, within what is allowed beside the internet."""

    def __init__(
        self,
        allowed: tuple[Allowed, ...],
        names: Names,
        is_own: Callable[[Address], bool] = is_own,
    ) -> None:
        self._allowed = allowed
        self._names = names
        self._is_own = is_own

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket. Raises Unreached."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                found = await self._names.find(host)
                may = self._permitted(host, port, found)
                return await _connect_to_first(may, port)
        except NameUnknown as error:
            raise Unreached(Cause(causes.NAME_NOT_RESOLVED)) from error
        except TimeoutError as error:
            raise Unreached(Cause(causes.TIMED_OUT)) from error
        except (OSError, RuntimeError) as error:
            number = error.errno if isinstance(error, OSError) else None
            raise Unreached(Cause(_CAUSES.get(number or 0, causes.UNREACHABLE))) from error

    def refusal(self, host: str, port: int, address: Address) -> str | None:
        """Why that address of a host must not be connected to, as a sentence without its full stop."""
        kind = addresses.refusal(address, port, self._allowed)
        if kind is None and self._is_own(addresses.meant(address)):
            is_allowed = addresses.is_allowed(address, port, self._allowed)
            kind = None if is_allowed else "an address of the host's own"
        if kind is None:
            return None
        return f"{address} is {kind}" if host == str(address) else f"{host} is {address}, {kind}"

    def _permitted(self, host: str, port: int, found: tuple[Address, ...]) -> list[Address]:
        refusals = [(address, self.refusal(host, port, address)) for address in found]
        may = [address for address, refusal in refusals if refusal is None]
        if not may:
            raise Unreached(Cause(causes.REFUSED, refusals[-1][1] or ""))
        return may


async def _connect_to_first(found: list[Address], port: int) -> socket.socket:
    """To whichever answers first. Raises OSError."""
    infos = [_info(address, port) for address in found]
    connected = await start_connection(infos, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_SECONDS)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_MS)
    return connected


def _info(
    address: Address, port: int
) -> tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]:
    kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    if address.version == 4:
        return (socket.AF_INET, *kind, (str(address), port))
    return (socket.AF_INET6, *kind, (str(address), port, 0, 0))

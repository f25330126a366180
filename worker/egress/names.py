"""Addresses of names: asked of the system off the loop, so many at once, for so long, and remembered for a moment.

The moment is a connection pool's worth: a page opens six connections to a host, and all ask for it. That a name may
lead elsewhere the next time is no matter, because each address is judged before it is connected to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from schemas.egress import Address

# Of one run at the same time, each in a thread of its own: no page can take them from another run by names that nobody
# answers.
LOOKUPS = 8
LOOKUP_SECONDS = 10.0
REMEMBERED_SECONDS = 30.0
MOST_REMEMBERED = 1000
# RFC 6761: these never leave the host, whatever the system would say of them. IPv6 first, as Chromium has it.
LOCALHOST = "localhost"
LOOPBACK: tuple[Address, ...] = (ipaddress.ip_address("::1"), ipaddress.ip_address("127.0.0.1"))

Lookup = Callable[[str], tuple[Address, ...]]


class NameUnknown(Exception):
    """There is no such name, or nobody could say."""


def ask_the_system(name: str) -> tuple[Address, ...]:
    """All addresses of a name, in the order in which they should be tried. Raises OSError, UnicodeError. Blocks."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ipaddress.ip_address(str(each[4][0])) for each in found))


class Names:
    """Finds addresses for one run."""

    def __init__(
        self, lookup: Lookup = ask_the_system, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._lookup = lookup
        self._now = now
        self._turn = asyncio.Semaphore(LOOKUPS)
        self._known: dict[str, tuple[float, tuple[Address, ...]]] = {}

    async def find(self, host: str) -> tuple[Address, ...]:
        """The addresses of a host; at least one. Raises NameUnknown."""
        literal = as_address(host)
        if literal is not None:
            return (literal,)
        name = host.rstrip(".")
        if is_localhost(name):
            return LOOPBACK
        known = self._known.get(host)
        if known is not None and self._now() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        return await self._find(host)

    async def _find(self, host: str) -> tuple[Address, ...]:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                await self._turn.acquire()
                found = await self._ask(host)
        except (OSError, UnicodeError, ValueError, TimeoutError) as error:
            raise NameUnknown(host) from error
        if not found:
            raise NameUnknown(host)
        self._remember(host, found)
        return found

    def _ask(self, host: str) -> asyncio.Future[tuple[Address, ...]]:
        """The system's answer. Given up, it keeps its turn for as long as the system has not answered."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[Address, ...]] = loop.create_future()

        def answered(found: tuple[Address, ...], error: BaseException | None) -> None:
            self._turn.release()
            if answer.done():
                return
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

        def ask() -> None:
            found: tuple[Address, ...] = ()
            error: BaseException | None = None
            try:
                found = self._lookup(host)
            except Exception as raised:  # told where it was asked for
                error = raised
            with suppress(RuntimeError):  # the loop is gone: nobody waits any more
                loop.call_soon_threadsafe(answered, found, error)

        # A daemon: who ends the worker does not wait for a name server.
        try:
            threading.Thread(target=ask, name="names", daemon=True).start()
        except RuntimeError as error:  # the system has no more threads for us
            self._turn.release()
            raise OSError(str(error)) from error
        return answer

    def _remember(self, host: str, found: tuple[Address, ...]) -> None:
        self._known.pop(host, None)
        self._known[host] = (self._now(), found)
        if len(self._known) > MOST_REMEMBERED:
            del self._known[next(iter(self._known))]


def is_localhost(name: str) -> bool:
    """Whether a name is this host's by its form."""
    return name == LOCALHOST or name.endswith(f".{LOCALHOST}")


def as_address(host: str) -> Address | None:
    """The address that is written there, in the one form in which Chromium writes them."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

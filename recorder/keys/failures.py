"""Who sends wrong keys is let try ever more slowly. Pure, but for the clock that is handed in.

Counted by address, and each wrong key also by itself: a program that was left with a wrong key, and tries it for ever,
slows down nobody but itself; a program that tries one key after another slows down its address: for what is no key, and
for the first key, which may be short enough to be guessed. Where that has opened something before, it goes on doing so.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from functools import lru_cache

from schemas.allowance import MOST_NAMES, Allowance
from schemas.problems import RateLimited

AT_ONCE = 20
PER_SECOND = 1 / 3
IPV6_PREFIX = 64  # what one customer of a provider has


class Failures:
    """What went wrong lately, and from where the first key opened something."""

    def __init__(self) -> None:
        self._of_keys = Allowance(per_second=PER_SECOND, at_once=AT_ONCE)
        self._of_places = Allowance(per_second=PER_SECOND, at_once=AT_ONCE)
        self._opened: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, address: str, hashed: str, now: float) -> None:
        """Raises RateLimited where it should not be told now whether that is a key."""
        place = _place(address)
        if (place, hashed) in self._opened:
            return
        wait = self._of_places.wait_seconds(place, now)
        if (place, hashed) in self._of_keys:
            wait = self._of_keys.wait_seconds((place, hashed), now)
        if wait:
            raise RateLimited(
                "Too many wrong API keys came from this address.",
                hint="Wait, and send the right key: `Authorization: Bearer <key>`.",
                retry_after_seconds=wait,
            )

    def failed(self, address: str, hashed: str, now: float) -> None:
        """That key was none."""
        place = _place(address)
        self._opened.pop((place, hashed), None)
        if (place, hashed) not in self._of_keys:
            self._of_places.take(place, now)
        self._of_keys.take((place, hashed), now)

    def opened(self, address: str, hashed: str) -> None:
        """That key is the first one."""
        name = (_place(address), hashed)
        if name not in self._opened:
            self._opened[name] = None
            if len(self._opened) > MOST_NAMES:
                self._opened.popitem(last=False)


@lru_cache(maxsize=1024)
def _place(address: str) -> str:
    """What counts as one place: an IPv4 address, or the network of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False))
    return str(found)

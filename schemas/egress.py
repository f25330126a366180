"""What browsers may reach beside the internet: networks and ports, as a host's setting and a space write them.

`10.1.0.0/16`, `127.0.0.1:3000`, `[::1]:3000`, `fd00::/8`, `[fd00::/8]:443`: an address or a network, and
perhaps one port of it. Names stand for whatever their owner says, so there are none here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated

from msgspec import Meta, Struct

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# As requests say it; `parse` says what else is wrong.
AllowedText = Annotated[
    str,
    Meta(
        max_length=64,
        description="An address or a network, and perhaps a port.",
        examples=["10.1.0.0/16", "127.0.0.1:3000", "[::1]:3000"],
    ),
]
AllowedTexts = Annotated[list[AllowedText], Meta(max_length=100)]

LAST_PORT = 65535


class Allowed(Struct, frozen=True):
    """A network, and the one port that is meant; None: all of them."""

    network: Network
    port: int | None = None

    def permits(self, address: Address, port: int) -> bool:
        """Whether this is about that address and port."""
        return (
            address.version == self.network.version
            and address in self.network
            and self.port in (None, port)
        )

    def __str__(self) -> str:
        """As one writes it: `parse` reads it again."""
        alone = self.network.prefixlen == self.network.max_prefixlen
        shown = str(self.network.network_address if alone else self.network)
        if self.port is None:
            return shown
        return f"[{shown}]:{self.port}" if self.network.version == 6 else f"{shown}:{self.port}"


def parse(text: str) -> Allowed:
    """What an entry allows. Raises ValueError with a sentence that says what is wrong with it."""
    network, port = _parts(text.strip())
    try:
        return Allowed(ipaddress.ip_network(network), _port(port))
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no network and no address with a port, such as 10.1.0.0/16 or"
            f" 127.0.0.1:3000 ({error})"
        ) from error


def parse_all(texts: Iterable[str]) -> tuple[Allowed, ...]:
    """Each of them. Raises ValueError as `parse` does."""
    return tuple(parse(text) for text in texts)


def parse_setting(setting: str) -> tuple[Allowed, ...]:
    """A setting's entries, with commas between them. Raises ValueError as `parse` does."""
    return parse_all(each for each in setting.split(",") if each.strip())


def _parts(text: str) -> tuple[str, str]:
    """The network and, if there is one, the port."""
    if text.startswith("["):
        network, closed, port = text[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            return "", ""  # which is none
        return network, port[1:] or ("none" if port else "")
    network, colon, port = text.partition(":")
    if colon and ":" not in port:
        return network, port or "none"
    return text, ""


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= LAST_PORT):
        raise ValueError(f"ports are 1 to {LAST_PORT}")
    return int(text)

"""Which addresses belong to nobody but this host and its networks. Pure.

Judged is the address that is connected to, in whatever form it stands: an IPv6 address that leads to an IPv4 one is
judged as that one. The lists are the registries of special addresses (RFC 6890 and its later entries), in words.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from schemas.egress import Address, Allowed, Network

_KINDS: dict[str, tuple[str, ...]] = {
    "a loopback address": ("127.0.0.0/8", "::1/128"),
    "this host": ("0.0.0.0/8", "::/128"),
    "a private address": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    "a link-local address": ("169.254.0.0/16", "fe80::/10"),
    "an address of the provider's own network": ("100.64.0.0/10",),
    # Reached from inside only, although it looks like any other: Azure's hosts answer there.
    "an address of the cloud's own": ("168.63.129.16/32",),
    "a multicast or broadcast address": ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8"),
    "a reserved address": (
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20",
    ),
}  # fmt: skip
_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), kind)
    for kind, networks in _KINDS.items()
    for network in networks
)
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")
_COMPATIBLE = ipaddress.ip_network("::/96")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_6TO4 = ipaddress.ip_network("2002::/16")


def meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, or leads to; else itself."""
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    if address in _MAPPED or address in _TRANSLATED or (address in _COMPATIBLE and number > 1):
        return IPv4Address(number & 0xFFFFFFFF)
    if address in _6TO4:
        return IPv4Address(number >> 80 & 0xFFFFFFFF)
    return IPv6Address(number)  # without its zone


def kind_of(address: Address) -> str | None:
    """What such an address is, where it is not one of the internet's; None where it is."""
    seen = meant(address)
    for network, kind in _SPECIAL:
        if seen.version == network.version and seen in network:
            return kind
    if isinstance(seen, IPv6Address) and seen not in _GLOBAL_V6:
        return "a reserved address"
    return None


def refusal(address: Address, port: int, allowed: Iterable[Allowed]) -> str | None:
    """Why a browser may not connect there, as the end of `10.0.0.1 is …`; None where it may."""
    kind = kind_of(address)
    if kind is None or is_allowed(address, port, allowed):
        return None
    return kind


def is_allowed(address: Address, port: int, allowed: Iterable[Allowed]) -> bool:
    """Whether somebody allowed just that."""
    seen = meant(address)
    return any(each.permits(seen, port) or each.permits(address, port) for each in allowed)

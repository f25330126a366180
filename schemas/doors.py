"""Who may stand at a door of ours, and for whom: the same rules for the API and for the CDP gateway. Pure.

Beyond loopback a door wants TLS, or a proxy with TLS before it (`behind_proxy`). Then only that proxy may connect, and
whom it speaks for stands in `X-Forwarded-For`; from anybody else that header says nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from .problems import CannotStart
from .settings import Settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_door(settings: Settings, host: str) -> None:
    """Raises CannotStart where what listens on `host` would be reached by others without TLS."""
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise CannotStart(
            "One half of TLS is missing.",
            "Set both RUNREEL_TLS_CERTIFICATE and RUNREEL_TLS_KEY, or neither.",
        )
    networks(settings.behind_proxy)
    if not (is_loopback(host) or settings.tls_certificate or settings.behind_proxy):
        raise CannotStart(
            f"This process refuses to listen on {host}: keys would travel unencrypted.",
            "Listen on 127.0.0.1, set RUNREEL_TLS_CERTIFICATE and RUNREEL_TLS_KEY, or put a proxy with TLS"
            " before it and set RUNREEL_BEHIND_PROXY to that proxy's network.",
        )


def open_to_all(settings: Settings, key_mode: int) -> CannotStart | None:
    """What is wrong where a private key with that mode may be read by everybody on the machine."""
    if not key_mode & 0o007:
        return None
    return CannotStart(
        f"Everybody on this machine may read the private key {settings.tls_key}.",
        f"Keep it to this user: chmod 600 {settings.tls_key}",
    )


def tls_unusable(settings: Settings, error: Exception) -> CannotStart:
    """What to say where certificate and key cannot be used."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return CannotStart(
        f"TLS cannot be had with {settings.tls_certificate} and {settings.tls_key}: {reason}.",
        "RUNREEL_TLS_CERTIFICATE is a PEM file of certificate and chain, RUNREEL_TLS_KEY its private key"
        " without a password.",
    )


def networks(behind_proxy: str) -> tuple[Network, ...]:
    """The networks in the setting `behind_proxy`, which has commas between them. Raises CannotStart."""
    texts = [text.strip() for text in behind_proxy.split(",") if text.strip()]
    try:
        return tuple(map(ipaddress.ip_network, texts))
    except ValueError as error:
        raise CannotStart(
            f"RUNREEL_BEHIND_PROXY is no network: {error}.",
            "Write it as 10.0.0.0/24 or 10.0.0.7; several with commas.",
        ) from error


def may_connect(peer: str, proxies: Sequence[Network]) -> bool:
    """Whether an address may connect. Without proxies before us, any may; else they alone."""
    return not proxies or is_within(peer, proxies)


def client_address(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str:
    """Whom a request comes from, as an address: the last one in `X-Forwarded-For` that no proxy of ours has.

    What stands further to the left was written by whoever asked.
    """
    if not is_within(peer, proxies):
        return peer
    for text in reversed(forwarded_for.split(",")):
        address = _address(text.strip())
        if address is None:
            break
        if not any(address in network for network in proxies):
            return str(address)
    return peer


def is_within(text: str, proxies: Sequence[Network]) -> bool:
    """Whether a text is an address in one of the networks."""
    address = _address(text)
    return address is not None and any(address in network for network in proxies)


def is_address(host: str) -> bool:
    """Whether a host is an address, which nobody else can make a name of his lead to."""
    return _address(host) is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(text: str) -> Address | None:
    """An IPv6 socket tells of IPv4 peers as ::ffff:10.0.0.7; those are meant."""
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address

"""Who may stand at a door, and for whom."""

from __future__ import annotations

import pytest

from schemas.doors import check_door, client_address, is_loopback, may_connect, networks
from schemas.problems import CannotStart
from schemas.settings import Settings

PROXIES = networks("10.0.0.0/24, fd00::7")
SECRET = "secret-for-tests-0123456789"


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        ("10.0.0.9", True),
        ("::ffff:10.0.0.9", True),
        ("fd00::7", True),
        ("10.0.1.9", False),
        ("127.0.0.1", False),
        ("fd00::8", False),
        ("", False),
        ("unix", False),
    ],
)
def test_peers(peer: str, may: bool) -> None:
    assert may_connect(peer, PROXIES) is may
    assert may_connect(peer, ())


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.9", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.9", "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.9", "6.6.6.6, 203.0.113.5, 10.0.0.8", "203.0.113.5"),
        ("10.0.0.9", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.9", "203.0.113.5, garbage", "10.0.0.9"),
        ("10.0.0.9", "", "10.0.0.9"),
        ("10.0.0.9", "10.0.0.8", "10.0.0.9"),
        ("198.51.100.1", "203.0.113.5", "198.51.100.1"),
    ],
)
def test_clients(peer: str, forwarded: str, client: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == client


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback(host: str, is_one: bool) -> None:
    assert is_loopback(host) is is_one
    if not is_one:
        with pytest.raises(CannotStart, match="unencrypted"):
            check_door(Settings(secret=SECRET), host)
        check_door(Settings(secret=SECRET, behind_proxy="10.0.0.0/24"), host)
        check_door(Settings(secret=SECRET, tls_certificate="a", tls_key="b"), host)

from __future__ import annotations

import ipaddress

import pytest

from schemas.egress import parse, parse_setting


@pytest.mark.parametrize(
    "text",
    [
        "10.1.0.0/16",
        "127.0.0.1",
        "127.0.0.1:3000",
        "10.0.0.0/8:443",
        "::1",
        "[::1]:3000",
        "fd00::/8",
        "[fd00::/8]:443",
    ],
)
def test_it_is_written_as_it_was_read(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "address", "port", "permits"),
    [
        ("10.1.0.0/16", "10.1.2.3", 80, True),
        ("10.1.0.0/16", "10.2.0.0", 80, False),
        ("127.0.0.1:3000", "127.0.0.1", 3000, True),
        ("127.0.0.1:3000", "127.0.0.1", 3001, False),
        ("127.0.0.1:3000", "127.0.0.2", 3000, False),
        ("[::1]:3000", "::1", 3000, True),
        ("::/0", "10.0.0.1", 80, False),
    ],
)
def test_it_permits_that_network_and_that_port(
    text: str, address: str, port: int, permits: bool
) -> None:
    assert parse(text).permits(ipaddress.ip_address(address), port) is permits


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "localhost:80", "10.1.0.1/16", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536",
     "10.0.0.1:+80", "[::1]:", "[::1]3000", "[::1", "10.0.0.1:80:90", "1", "*"],
)  # fmt: skip
def test_what_is_none_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        parse(text)


def test_a_setting_has_commas() -> None:
    assert list(map(str, parse_setting(" 10.0.0.0/8, [::1]:80 ,"))) == ["10.0.0.0/8", "[::1]:80"]
    assert parse_setting("") == ()

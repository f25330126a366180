from __future__ import annotations

import ipaddress

import pytest

from schemas.egress import parse_setting
from worker.egress.addresses import kind_of, refusal

CLOSED = """
127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254
100.64.0.1 100.100.100.200 100.127.255.255 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7
203.0.113.9 224.0.0.251 239.255.255.250 240.0.0.1 255.255.255.255 168.63.129.16
::1 :: ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:a00:1:2::3
2001::1 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:10::1 2001:db8::1 3fff::1 5f00::1 100::1
fc00::1 fd00:ec2::254 fe80::1 fe80::1%1 fec0::1 ff02::1 ff0e::1 4000::1
"""
OPEN = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 93.184.216.34 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 172.15.0.1
172.32.0.1 169.253.0.1 169.255.0.1 192.167.0.1 192.169.0.1 198.17.0.1 198.20.0.1 223.255.255.255 168.63.129.15
2606:4700::1111 2a00:1450:4001::200e 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
"""


@pytest.mark.parametrize("address", CLOSED.split())
def test_what_is_not_of_the_internet_is_closed(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), 80, ())


@pytest.mark.parametrize("address", OPEN.split())
def test_the_internet_is_open(address: str) -> None:
    assert kind_of(ipaddress.ip_address(address)) is None


@pytest.mark.parametrize(
    ("address", "port", "open_now"),
    [
        ("127.0.0.1", 3000, True),
        ("::ffff:127.0.0.1", 3000, True),
        ("127.0.0.1", 3001, False),
        ("0.0.0.0", 3000, False),  # which Linux would connect to loopback
        ("10.1.9.9", 1, True),
        ("64:ff9b::a01:909", 1, True),
        ("10.2.0.0", 1, False),
        ("::1", 3000, False),
    ],
)
def test_what_somebody_allowed_is_open_in_whatever_form(
    address: str, port: int, open_now: bool
) -> None:
    allowed = parse_setting("127.0.0.1:3000,10.1.0.0/16")
    assert (refusal(ipaddress.ip_address(address), port, allowed) is None) is open_now

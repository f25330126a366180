from __future__ import annotations

import pytest

from schemas.problems import CannotStart, Problem
from worker.gateway.entrance import WRONG_AT_ONCE, Entrance

PROXY = "10.0.0.7"


def refusal(entrance: Entrance, peer: str = "192.0.2.1", **headers: str) -> str:
    problem = entrance.refusal(peer, {"host": "127.0.0.1:1", **headers})
    return type(problem).__name__ if problem is not None else ""


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:9", "[::1]:9", "[::1]", "LOCALHOST:9", "10.1.2.3", "w1.example:443", "W1.Example"],
)
def test_addresses_and_our_own_names_are_ours(host: str) -> None:
    entrance = Entrance(host="0.0.0.0", public_url="wss://w1.example/x")
    assert refusal(entrance, host=host) == ""


@pytest.mark.parametrize(
    "host",
    ["rebound.example", "rebound.example:9", "", "localhost.evil.example", "w1.example.", "a@b"],
)
def test_a_name_that_is_not_ours_is_refused(host: str) -> None:
    entrance = Entrance(host="127.0.0.1", public_url="wss://w1.example/x")
    assert refusal(entrance, host=host) == "HostForbidden"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:2", "file://"]
)
def test_pages_are_refused(origin: str) -> None:
    assert refusal(Entrance(), origin=origin) == "AuthForbidden"


def test_a_program_that_says_our_own_address_is_not() -> None:
    assert refusal(Entrance(), origin="http://127.0.0.1:1") == ""


def test_behind_a_proxy_only_that_may_connect() -> None:
    entrance = Entrance(behind_proxy="10.0.0.0/24", host="0.0.0.0")
    assert refusal(entrance, PROXY, host="any.example") == ""
    assert refusal(entrance, "10.0.1.7") == "PeerForbidden"
    assert refusal(entrance, "127.0.0.1") == "PeerForbidden"
    assert entrance.address(PROXY, {"x-forwarded-for": "1.1.1.1, 192.0.2.9"}) == "192.0.2.9"


def test_behind_a_proxy_that_has_a_name_that_is_checked() -> None:
    entrance = Entrance(behind_proxy=PROXY, public_url="wss://w1.example")
    assert refusal(entrance, PROXY, host="w1.example") == ""
    assert refusal(entrance, PROXY, host="rebound.example") == "HostForbidden"


def test_without_a_proxy_nobody_says_who_he_is() -> None:
    assert Entrance().address("192.0.2.1", {"x-forwarded-for": "127.0.0.1"}) == "192.0.2.1"


def test_a_proxy_that_is_none() -> None:
    with pytest.raises(CannotStart, match="BEHIND_PROXY"):
        Entrance(behind_proxy="10.0.0.0/99")


def test_who_comes_with_wrong_urls_hears_to_wait() -> None:
    entrance = Entrance()
    tried: list[Problem | None] = [entrance.failed("a", 0) for _ in range(WRONG_AT_ONCE + 1)]
    assert tried[:-1] == [None] * WRONG_AT_ONCE
    last = tried[-1]
    assert last is not None
    assert (last.status, last.retry_after_seconds) == (429, 1)
    assert entrance.failed("b", 0) is None
    assert entrance.failed("a", 1) is None

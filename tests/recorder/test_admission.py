"""How often a key may ask, and how slowly wrong ones may be tried."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from recorder.keys import admission
from recorder.keys.failures import AT_ONCE, PER_SECOND, Failures
from schemas import allowance as allowances
from schemas.allowance import Allowance
from schemas.problems import RateLimited
from tests.support.nats_server import NatsServer
from tests.support.recorder_keys import WHOAMI, ask, make_key, status_of
from tests.support.recorder_running import KEY, Running, running, settings_for

WAIT_SECONDS = round(1 / PER_SECOND)


def test_so_many_at_once_and_then_so_many_a_second() -> None:
    allowance = Allowance(per_second=2, at_once=3)
    assert [allowance.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert [allowance.take("a", 0.5), allowance.take("a", 0.5)] == [0, 1]
    assert allowance.take("b", 0.5) == 0
    assert [allowance.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 1]


def test_the_wait_is_in_whole_seconds_and_long_enough() -> None:
    allowance = Allowance(per_second=0.3, at_once=1)
    allowance.take("a", 0.0)
    wait = allowance.take("a", 0.0)
    assert wait == 4
    assert allowance.take("a", float(wait)) == 0


def test_it_forgets_the_oldest_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "MOST_NAMES", 2)
    allowance = Allowance(per_second=1, at_once=1)
    for name in ("a", "b", "c"):
        allowance.take(name, 0.0)
    assert ["a" in allowance, "b" in allowance, "c" in allowance] == [False, True, True]


def fail(failures: Failures, address: str, hashed: str, now: float = 0.0) -> int:
    """0 where the key was looked at, else how long to wait."""
    try:
        failures.check(address, hashed, now)
    except RateLimited as problem:
        return problem.retry_after_seconds or -1
    failures.failed(address, hashed, now)
    return 0


def test_one_wrong_key_slows_down_itself_alone() -> None:
    failures = Failures()
    waits = [fail(failures, "192.0.2.1", "wrong") for _ in range(AT_ONCE + 1)]
    assert waits == [0] * AT_ONCE + [WAIT_SECONDS]
    assert fail(failures, "192.0.2.1", "wrong", WAIT_SECONDS) == 0
    failures.check("192.0.2.1", "another", WAIT_SECONDS)


def test_one_key_after_another_slows_down_the_address() -> None:
    failures = Failures()
    failures.opened("192.0.2.1", "known")
    waits = [fail(failures, "192.0.2.1", f"guess {number}") for number in range(AT_ONCE + 1)]
    assert waits == [0] * AT_ONCE + [WAIT_SECONDS]
    with pytest.raises(RateLimited):
        failures.check("192.0.2.1", "right, but never seen from there", 0.0)
    failures.check("192.0.2.1", "known", 0.0)
    failures.check("192.0.2.2", "another address", 0.0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "", True),
        ("a name", "another", False),
    ],
)
def test_what_counts_as_one_place(one: str, other: str, same: bool) -> None:
    failures = Failures()
    for number in range(AT_ONCE):
        fail(failures, one, f"guess {number}")
    assert (fail(failures, other, "one more") > 0) is same


@pytest.fixture
async def strict(tmp_path: Path, nats_server: NatsServer) -> AsyncIterator[Running]:
    """A recorder that lets a key ask 20 times at once, and asks a proxy who it is."""
    settings = settings_for(
        tmp_path,
        nats_server.url,
        recorder_id="strict",
        key_requests_per_second=2,
        behind_proxy="127.0.0.0/8",
    )
    async with running(settings) as strict:
        yield strict


@pytest.fixture
def _standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is allowed anew while a test asks, however slow the machine is."""
    now = time.monotonic()
    monkeypatch.setattr(admission, "time", SimpleNamespace(monotonic=lambda: now))


@pytest.mark.usefixtures("_standing_clock")
async def test_a_key_that_asks_too_often(strict: Running) -> None:
    made, other = await make_key(strict), await make_key(strict)
    statuses = [await status_of(strict, made["secret"]) for _ in range(25)]
    assert statuses[:20] == [200] * 20
    assert 429 in statuses
    answer = await ask(strict, made["secret"])
    assert (answer.json()["code"], answer.headers["retry-after"]) == ("rate_limited", "1")
    assert await status_of(strict, other["secret"]) == 200


@pytest.mark.usefixtures("_standing_clock")
async def test_wrong_keys_are_answered_ever_more_slowly(strict: Running) -> None:
    """By who a proxy of ours says that it is, and not by what that client says."""
    made = await make_key(strict)
    attacker = {"x-forwarded-for": "198.51.100.7, 203.0.113.9"}
    answers = [await ask(strict, f"rr_guess-{number}", **attacker) for number in range(AT_ONCE + 5)]
    assert [answer.status_code for answer in answers] == [401] * AT_ONCE + [429] * 5
    assert 1 <= int(answers[-1].headers["retry-after"]) <= WAIT_SECONDS
    spoofed = {"x-forwarded-for": "198.51.100.8, 203.0.113.9"}
    for headers in (attacker, spoofed):
        assert (await ask(strict, "rr_guess-more", **headers)).status_code == 429
        assert (await ask(strict, KEY, **headers)).status_code == 429  # it may be a short one
        assert (await ask(strict, made["secret"], **headers)).status_code == 200
    innocent = {"x-forwarded-for": "198.51.100.7"}
    assert (await ask(strict, KEY, **innocent)).status_code == 200


async def test_a_key_that_was_revoked_is_no_guess(strict: Running) -> None:
    """The program that still has it must not keep the one that has its successor out."""
    made = await make_key(strict)
    await strict.delete(f"/v1/api-keys/{made['id']}")
    for _ in range(AT_ONCE + 5):
        assert await status_of(strict, made["secret"]) == 401


async def test_without_a_key_nothing_is_counted(strict: Running) -> None:
    for headers in (
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Basic eA=="},
    ):
        for _ in range(AT_ONCE + 5):
            answer = await strict.http.get(WHOAMI, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "auth.required")

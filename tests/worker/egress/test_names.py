from __future__ import annotations

import asyncio
import ipaddress
import threading

import pytest

from schemas.egress import Address
from tests.support.eventually import eventually
from worker.egress import names as module
from worker.egress.names import LOOKUPS, MOST_REMEMBERED, Names, NameUnknown, as_address

ONE = (ipaddress.ip_address("192.0.2.1"),)


def never(name: str) -> tuple[Address, ...]:
    raise AssertionError(name)


@pytest.mark.parametrize("host", ["localhost", "localhost.", "a.localhost", "a.b.localhost."])
async def test_localhost_is_nobody_elses_to_say(host: str) -> None:
    assert set(map(str, await Names(never).find(host))) == {"::1", "127.0.0.1"}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:10.0.0.1"])
async def test_an_address_is_its_own(host: str) -> None:
    assert await Names(never).find(host) == (ipaddress.ip_address(host),)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "1.2.3.4.", "[::1]"]
)
def test_other_ways_to_write_one_are_names_and_judged_by_what_they_come_to(host: str) -> None:
    assert as_address(host) is None


async def test_it_is_remembered_for_a_moment() -> None:
    asked: list[str] = []
    clock = [0.0]

    def lookup(name: str) -> tuple[Address, ...]:
        asked.append(name)
        return ONE

    names = Names(lookup, lambda: clock[0])
    for _ in range(3):
        assert await names.find("a.test") == ONE
    assert asked == ["a.test"]
    clock[0] += 31
    await names.find("a.test")
    assert asked == ["a.test"] * 2
    for number in range(MOST_REMEMBERED + 5):
        await names.find(f"n{number}.test")
    assert len(names._known) == MOST_REMEMBERED


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long"), None])
async def test_what_nobody_knows(error: Exception | None) -> None:
    def lookup(_name: str) -> tuple[Address, ...]:
        if error is not None:
            raise error
        return ()

    with pytest.raises(NameUnknown):
        await Names(lookup).find("a.test")


async def test_a_name_server_that_hangs_takes_so_many_threads_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 0.1)
    answer = threading.Event()
    asking: list[str] = []

    def lookup(name: str) -> tuple[Address, ...]:
        asking.append(name)
        answer.wait(20)
        return ONE

    names = Names(lookup)
    try:
        for _ in range(3):
            lookups = [names.find(f"{each}.test") for each in range(LOOKUPS)]
            found = await asyncio.gather(*lookups, return_exceptions=True)
            assert all(isinstance(each, NameUnknown) for each in found)
        assert len(asking) == LOOKUPS
    finally:
        answer.set()
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 10)
    await eventually(lambda: not names._turn.locked())
    assert await names.find("late.test") == ONE


async def test_a_system_without_threads_left_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    names = Names(lambda _name: ONE)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_thread)
        for each in range(LOOKUPS + 1):
            with pytest.raises(NameUnknown):
                await names.find(f"{each}.test")
    assert await names.find("late.test") == ONE


async def test_a_run_whose_names_nobody_answers_takes_nothing_from_another() -> None:
    answer = threading.Event()
    asking: list[str] = []

    def hang(name: str) -> tuple[Address, ...]:
        asking.append(name)
        answer.wait(20)
        return ONE

    runs = [Names(hang) for _ in range(5)]
    waiting = [asyncio.create_task(each.find(f"{n}.test")) for each in runs for n in range(LOOKUPS)]
    try:
        await eventually(lambda: len(asking) == len(waiting))
        assert await Names(lambda _name: ONE).find("a.test") == ONE
        assert not any(each.done() for each in waiting)
    finally:
        answer.set()
        await asyncio.gather(*waiting)

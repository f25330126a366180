"""A child that dies is started again; one that refuses is not; one that is ended stays ended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from deploy.processes import Program
from deploy.supervisor import (
    TRIES_BEFORE_READY,
    Death,
    History,
    Keeper,
    Life,
    Pauses,
    how_it_died,
    refusal_in,
    verdict,
)
from schemas.problems import CannotStart
from tests.deploy.children import DEAF, DIES, LEAVES, REFUSES, WAITS, program, starts
from tests.support.eventually import eventually

QUICK = Pauses(first_s=0.02, longest_s=0.1, healthy_after_s=60)
LOG = Path("/var/log/x.log")


@asynccontextmanager
async def kept(child: Program, told: list[Death]) -> AsyncIterator[Keeper]:
    keeper = Keeper(child, told.append, QUICK)
    keeper.start()
    try:
        yield keeper
    finally:
        await keeper.end()


def test_pause_doubles_up_to_its_limit() -> None:
    pauses = Pauses()
    assert [pauses.before_restart(n) for n in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pauses.before_restart(100_000) == 30


def test_refusal_is_the_last_sentence_with_its_hint() -> None:
    said = "{json}\nrunreel: First.\n  Old hint.\nTraceback\nrunreel: Second.\n  Do this.\n"
    assert _words(refusal_in(said)) == ("Second.", "Do this.")
    assert _words(refusal_in("runreel: Alone.")) == ("Alone.", "")
    assert refusal_in("Traceback (most recent call last)") is None


def _words(problem: CannotStart | None) -> tuple[str, str]:
    assert problem is not None
    return problem.message, problem.hint


def test_verdict_gives_up_only_before_the_child_was_ever_ready() -> None:
    refusing = Life(1, 0.2, "runreel: No.\n  Hint.\n")
    assert verdict("worker", refusing, History(), LOG) is not None
    assert verdict("worker", refusing, History(was_ready=True), LOG) is None
    crashing = Life(-11, 0.2, "")
    assert verdict("worker", crashing, History(deaths_in_a_row=1), LOG) is None
    given_up = verdict("worker", crashing, History(deaths_in_a_row=TRIES_BEFORE_READY), LOG)
    assert given_up is not None
    assert "SIGSEGV" in given_up.message


def test_how_it_died() -> None:
    assert how_it_died(3) == "exit code 3"
    assert how_it_died(-9) == "SIGKILL"
    assert how_it_died(-77) == "signal 77"


async def test_child_that_dies_is_started_again_after_growing_pauses(tmp_path: Path) -> None:
    told: list[Death] = []
    async with kept(program(tmp_path, "worker", DIES), told) as keeper:
        keeper.is_ready()
        await eventually(lambda: len(starts(tmp_path, "worker")) >= 5)
    assert [death.pause_s for death in told[:4]] == [0.02, 0.04, 0.08, 0.1]
    assert (told[0].name, told[0].how) == ("worker", "exit code 3")
    assert told[0].log == tmp_path / "worker.log"


async def test_child_killed_is_started_again_and_its_death_said(tmp_path: Path) -> None:
    told: list[Death] = []
    async with kept(program(tmp_path, "worker", WAITS), told) as keeper:
        await eventually(lambda: starts(tmp_path, "worker"))
        assert keeper.child is not None
        keeper.is_ready()
        os.kill(keeper.child.pid, signal.SIGKILL)
        await eventually(lambda: len(starts(tmp_path, "worker")) == 2)
    assert [death.how for death in told] == ["SIGKILL"]


async def test_child_that_refuses_is_not_started_again(tmp_path: Path) -> None:
    told: list[Death] = []
    async with kept(program(tmp_path, "worker", REFUSES), told) as keeper:
        with pytest.raises(CannotStart) as refused:
            await keeper.give_up()
    assert refused.value.message == "The moon is not full."
    assert refused.value.hint == "Wait for it."
    assert len(starts(tmp_path, "worker")) == 1
    assert told == []


async def test_old_refusals_in_the_log_are_not_believed(tmp_path: Path) -> None:
    child = program(tmp_path, "worker", DIES)
    child.log.write_text("runreel: Yesterday's news.\n  Old.\n")
    async with kept(child, []) as keeper:
        with pytest.raises(CannotStart, match=f"died {TRIES_BEFORE_READY} times"):
            await keeper.give_up()


async def test_child_that_does_not_exist_is_a_refusal(tmp_path: Path) -> None:
    child = Program("worker", (str(tmp_path / "none"),), {}, tmp_path / "worker.log")
    async with kept(child, []) as keeper:
        with pytest.raises(CannotStart, match="cannot be started: No such file"):
            await keeper.give_up()


async def test_end_kills_what_does_not_listen_after_its_grace(tmp_path: Path) -> None:
    deaf = program(tmp_path, "worker", DEAF, grace_s=0.2)
    async with kept(deaf, []) as keeper:
        await eventually(lambda: deaf.log.exists() and "deaf" in deaf.log.read_text())
        assert keeper.child is not None
        pid = keeper.child.pid
        await keeper.end()
        assert not psutil.pid_exists(pid)
        assert keeper.child.code == -signal.SIGKILL


async def test_force_waits_for_no_grace(tmp_path: Path) -> None:
    deaf = program(tmp_path, "worker", DEAF, grace_s=600)
    async with kept(deaf, []) as keeper:
        await eventually(lambda: deaf.log.exists() and "deaf" in deaf.log.read_text())
        ending = asyncio.create_task(keeper.end())
        keeper.force()
        async with asyncio.timeout(60):
            await ending


async def test_end_during_a_pause_starts_nothing(tmp_path: Path) -> None:
    told: list[Death] = []
    keeper = Keeper(program(tmp_path, "worker", DIES), told.append, Pauses(first_s=600))
    keeper.start()
    await eventually(lambda: told)
    async with asyncio.timeout(60):
        await keeper.end()
    assert len(starts(tmp_path, "worker")) == 1


async def test_one_that_may_leave_is_not_started_again(tmp_path: Path) -> None:
    told: list[Death] = []
    leaves = replace(program(tmp_path, "worker", LEAVES), may_leave=True)
    async with kept(leaves, told) as keeper:
        keeper.is_ready()
        await eventually(lambda: told)
        giving_up = asyncio.create_task(keeper.give_up())
        await asyncio.wait([giving_up], timeout=0.3)
        assert not giving_up.done()  # the others go on without it
    await giving_up
    assert [(death.how, death.pause_s) for death in told] == [("it was drained", None)]
    assert len(starts(tmp_path, "worker")) == 1


async def test_any_other_one_that_ends_with_0_is_started_again(tmp_path: Path) -> None:
    told: list[Death] = []
    async with kept(program(tmp_path, "recorder", LEAVES), told) as keeper:
        keeper.is_ready()
        await eventually(lambda: len(starts(tmp_path, "recorder")) >= 2)
    assert told[0].how == "exit code 0"

"""A host that was held for lost: its browsers are killed once their claims are gone, and only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import subjects
from schemas.events.console import ConsoleMessage
from schemas.requests import Claim, RunStarted
from tests.support.eventually import eventually
from tests.support.living import living
from tests.support.nats_server import NatsServer
from tests.support.worker_host import GATEWAY, SPACE, Fleet, Worker, is_free, serving
from worker.bus import Bus
from worker.claims import Doubts
from worker.fact import Fact
from worker.publisher import LinkDown
from worker.runtime import Runtime

THEIRS = Claim(worker_id="w2", run_id="run-2", space_id=SPACE, gateway_url=GATEWAY)


# pure: twice in a row


def test_one_look_is_not_enough() -> None:
    doubts = Doubts()
    assert doubts.confirmed(["a", "b"]) == set()
    assert doubts.confirmed(["b", "c"]) == {"b"}
    assert doubts.confirmed(["a"]) == set()
    doubts.forget()
    assert doubts.confirmed(["a"]) == set()


@given(st.lists(st.sets(st.sampled_from("abc"))))
def test_confirmed_are_those_missed_now_and_before(looks: list[set[str]]) -> None:
    doubts = Doubts()
    confirmed = [doubts.confirmed(look) for look in looks]
    assert confirmed == [a & b for a, b in zip([set(), *looks], looks, strict=False)]


# a real browser under a real host

SAID = Fact(data=ConsoleMessage(level="info", text="said while NATS was away"))


async def run_of(worker: Worker, fleet: Fleet, runtime_id: str) -> Runtime:
    started = await fleet.start(runtime_id)
    assert isinstance(started, RunStarted)
    runtime = worker.host.find_run(started.run_id)
    assert runtime is not None
    return runtime


def browser_of(runtime: Runtime) -> list[psutil.Process]:
    assert runtime.browser.process is not None
    main = psutil.Process(runtime.browser.process.pid)
    return [main, *main.children(recursive=True)]


@pytest.mark.nats
@pytest.mark.browser
@pytest.mark.parametrize("claim", [None, THEIRS])
async def test_a_run_that_lost_its_claim(
    server: NatsServer, fleet: Fleet, tmp_path: Path, claim: Claim | None
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        lost, kept = await run_of(worker, fleet, "rt-1"), await run_of(worker, fleet, "rt-2")
        browser = browser_of(lost)
        if claim is None:
            await fleet.drop_claim("rt-1")
        else:
            await fleet.put_claim("rt-1", claim)
        ((runtime_id, number, status, code),) = await eventually(fleet.ends)
        assert (runtime_id, status, code) == ("rt-1", "failed", "runtime.host_lost")
        await eventually(lambda: not living(browser), explain=lambda: living(browser))
        assert worker.host.find_run(lost.log.run_id) is None
        assert worker.host.find_run(kept.log.run_id) is kept
        numbers = [e.number for e in await fleet.events() if e.runid == lost.log.run_id]
        assert numbers == list(range(1, number + 1))
        assert await fleet.claim_of("rt-1") == claim  # another run's stays
        assert not await is_free(fleet, "rt-2")


@pytest.mark.nats
@pytest.mark.browser
async def test_cut_off_and_back_after_a_recorder_has_ended_its_run(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    """NATS is away; what the browser does then is late, and there."""
    async with serving(fleet, server.url, tmp_path) as worker:
        runtime = await run_of(worker, fleet, "rt-1")
        await fleet.drop_claim("rt-1")
        await server.kill()
        numbered = runtime.log.last
        for _ in range(3):
            await worker.host._stop_what_was_lost()  # nobody can be asked: that says nothing
        assert worker.host.find_run(runtime.log.run_id) is runtime
        runtime.record(SAID)
        await server.start()
        await eventually(fleet.ends)
        events = [event for event in await fleet.events() if event.runid == runtime.log.run_id]
        assert [event.number for event in events] == list(range(1, runtime.log.last + 1))
        assert "console.message" in [event.type for event in events[numbered:]]
        assert [code for _, _, _, code in await fleet.ends()] == ["runtime.host_lost"]


@pytest.mark.nats
@pytest.mark.browser
async def test_claims_that_cannot_be_read_are_no_reason(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        runtime = await run_of(worker, fleet, "rt-1")
        worker.serving.cancel()
        await (await fleet.bucket(subjects.CLAIMS_BUCKET)).put("rt-1", b"garbage")
        for _ in range(3):
            await worker.host._stop_what_was_lost()
        assert worker.host.find_run(runtime.log.run_id) is runtime
        await fleet.drop_claim("rt-1")
        await worker.host._stop_what_was_lost()

        async def away(*_: Any) -> bool:
            raise LinkDown("NATS is away")

        with monkeypatch.context() as patch:
            patch.setattr(worker.bus, "is_claimed_for", away)
            await worker.host._stop_what_was_lost()
        await worker.host._stop_what_was_lost()  # the first look since NATS was away
        assert runtime.is_open
        await worker.host._stop_what_was_lost()
        await eventually(runtime.ended.done)


@pytest.mark.nats
@pytest.mark.browser
async def test_a_run_that_ends_and_gives_its_claim_back_meanwhile(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        runtime = await run_of(worker, fleet, "rt-1")
        worker.serving.cancel()
        held = worker.bus.is_claimed_for

        async def slow(runtime_id: str, run_id: str) -> bool:
            await fleet.stop(runtime_id, run_id)
            await eventually(lambda: is_free(fleet, runtime_id))
            return await held(runtime_id, run_id)

        worker.host._doubts.confirmed([runtime.log.run_id])
        monkeypatch.setattr(worker.bus, "is_claimed_for", slow)
        await worker.host._stop_what_was_lost()
        assert [code for _, _, _, code in await fleet.ends()] == ["runtime.stop_requested"]


@pytest.mark.nats
async def test_the_bucket_is_gone(server: NatsServer, fleet: Fleet) -> None:
    """That is NATS's trouble, and no run's."""
    bus = await Bus.connect(server.url, "test")
    try:
        assert not await bus.is_claimed_for("rt-1", "run-1")
        await fleet.put_claim("rt-1", THEIRS)
        assert not await bus.is_claimed_for("rt-1", "run-1")
        assert await bus.is_claimed_for("rt-1", THEIRS.run_id)
        await fleet.jetstream.delete_key_value("claims")
        with pytest.raises(LinkDown):
            await bus.is_claimed_for("rt-1", "run-1")
    finally:
        await bus.close()

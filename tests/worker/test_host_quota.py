"""A space has no more active runtimes than it may have, however many recorders start them at once."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from schemas import subjects
from schemas.requests import Claim, Refused, RunStarted
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_host import GATEWAY, SPACE, Fleet, is_free, serving
from worker.publisher import LinkDown

pytestmark = [pytest.mark.nats, pytest.mark.browser]

QUOTA = "browser.concurrent_quota_exceeded"


def theirs(space_id: str = SPACE) -> Claim:
    return Claim(worker_id="w2", run_id="r", space_id=space_id, gateway_url=GATEWAY)


async def test_of_starts_at_once_as_many_as_may_be(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    runtimes = [f"rt-{number}" for number in range(4)]
    async with serving(fleet, server.url, tmp_path, capacity=4):
        answers = await asyncio.gather(*(fleet.start(each, space_limit=2) for each in runtimes))
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert [answer.code for answer in refused] == [QUOTA, QUOTA]
        assert [answer.position for answer in refused] == [0, 0]
        for runtime_id, answer in zip(runtimes, answers, strict=True):
            if isinstance(answer, Refused):
                await eventually(partial(is_free, fleet, runtime_id))


async def test_claims_of_other_hosts_count_and_of_other_spaces_do_not(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path):
        await fleet.put_claim("elsewhere", theirs("space-2"))
        await fleet.put_claim("not-ours", theirs())
        claims = await fleet.bucket(subjects.CLAIMS_BUCKET)
        await claims.put("unreadable", b"{}")
        refused = await fleet.start("rt-1", space_limit=1)
        assert isinstance(refused, Refused)
        assert refused.code == QUOTA
        await fleet.drop_claim("not-ours")
        assert isinstance(await fleet.start("rt-1", space_limit=1), RunStarted)
        # Older claims first: what others claimed after us does not count against us.
        await fleet.put_claim("not-ours", theirs())
        assert isinstance(await fleet.start("rt-2"), RunStarted)


async def test_a_run_that_was_stopped_does_not_count_any_more(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path):
        for number in range(3):
            started = await fleet.start(f"rt-{number}", space_limit=1)
            assert isinstance(started, RunStarted)
            await fleet.stop(f"rt-{number}", started.run_id)


async def test_nothing_is_started_while_it_cannot_be_told(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:

        async def away(*_: object) -> int:
            raise LinkDown("NATS is away")

        with monkeypatch.context() as patch:
            patch.setattr(worker.bus, "rank", away)
            refused = await fleet.start("rt-1", space_limit=1)
        assert isinstance(refused, Refused)
        assert refused.code == "runtime.host_unavailable"
        await eventually(lambda: is_free(fleet, "rt-1"))
        assert isinstance(await fleet.start("rt-1", space_limit=1), RunStarted)

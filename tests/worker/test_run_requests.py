"""What recorders ask of an active run, over a real NATS: connections, targets, another idle time-out."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas import ends, subjects
from schemas.codec import decode_data, encode
from schemas.events.connection import ConnectionCreated, ConnectionRevoked
from schemas.requests import (
    ActivateTarget,
    Answer,
    CloseTarget,
    ConnectionStands,
    CreateConnection,
    CreateTarget,
    Done,
    ListTargets,
    ReconfigureRun,
    Refused,
    RevokeConnection,
    RunRequest,
    RunStarted,
    TargetInfo,
    TargetsFound,
)
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_host import GATEWAY, WORKER, Fleet, serving
from tests.support.worker_pages import Pages
from worker import run_requests

pytestmark = [pytest.mark.nats, pytest.mark.browser]


class Asked:
    """A run, and requests to it."""

    def __init__(self, fleet: Fleet, run_id: str) -> None:
        self.fleet = fleet
        self.run_id = run_id

    async def ask(self, request: RunRequest) -> Answer:
        return await self.fleet.ask(subjects.run_request(WORKER), encode(request))

    async def targets(self) -> list[TargetInfo]:
        found = await self.ask(ListTargets(run_id=self.run_id))
        assert isinstance(found, TargetsFound)
        return found.targets

    async def create(self, url: str) -> TargetInfo:
        made = await self.ask(CreateTarget(run_id=self.run_id, url=url))
        assert isinstance(made, TargetsFound)
        return made.targets[0]


@pytest.fixture
async def run(server: NatsServer, fleet: Fleet, tmp_path: Path) -> AsyncIterator[Asked]:
    async with serving(fleet, server.url, tmp_path):
        started = await fleet.start("rt-1")
        assert isinstance(started, RunStarted)
        yield Asked(fleet, started.run_id)


async def test_connections_are_made_and_revoked(run: Asked) -> None:
    stands = await run.ask(CreateConnection(run_id=run.run_id, ttl_seconds=60))
    assert isinstance(stands, ConnectionStands)
    assert stands.gateway_url == GATEWAY
    created = (await run.fleet.events())[stands.position - 1]
    assert created.connectionid == stands.connection_id
    assert decode_data(created) == ConnectionCreated(protocol="cdp", expires_at=stands.expires_at)

    request = RevokeConnection(run_id=run.run_id, connection_id=stands.connection_id)
    done = await run.ask(request)
    assert isinstance(done, Done)
    revoked = (await run.fleet.events())[done.position - 1]
    assert revoked.connectionid == stands.connection_id
    assert decode_data(revoked) == ConnectionRevoked()
    assert await run.ask(request) == Done()

    unknown = await run.ask(RevokeConnection(run_id=run.run_id, connection_id="x"))
    assert isinstance(unknown, Refused)
    assert unknown.code == "connection.not_found"


async def test_targets(run: Asked, site: Pages) -> None:
    [first] = await run.targets()
    assert (first.url, first.active) == ("about:blank", True)

    made = await run.create(f"{site.url}/blank.html?token=S3cr3t")
    assert (made.url, made.active) == (f"{site.url}/blank.html?token=[redacted]", True)

    async def has_come_there() -> bool:
        return [(each.target_id, each.url, each.active) for each in await run.targets()] == [
            (first.target_id, "about:blank", False),
            (made.target_id, made.url, True),
        ]

    await eventually(has_come_there)

    brought = await run.ask(ActivateTarget(run_id=run.run_id, target_id=first.target_id))
    assert isinstance(brought, TargetsFound)
    assert [(each.target_id, each.active) for each in brought.targets] == [(first.target_id, True)]
    assert [each.active for each in await run.targets()] == [True, False]

    assert await run.ask(CloseTarget(run_id=run.run_id, target_id=first.target_id)) == Done()
    assert [(each.target_id, each.active) for each in await run.targets()] == [
        (made.target_id, True)
    ]
    for request in (
        CloseTarget(run_id=run.run_id, target_id=first.target_id),
        ActivateTarget(run_id=run.run_id, target_id="F" * 32),
    ):
        gone = await run.ask(request)
        assert isinstance(gone, Refused)
        assert gone.code == "target.not_found"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "chrome://settings", "javascript:1", ""])
async def test_what_a_target_may_not_be_made_with(run: Asked, url: str) -> None:
    refused = await run.ask(CreateTarget(run_id=run.run_id, url=url))
    assert isinstance(refused, Refused)
    assert refused.code == "request.invalid"


async def test_another_idle_time_out_ends_it(run: Asked) -> None:
    assert await run.ask(ReconfigureRun(run_id=run.run_id, idle_timeout_seconds=1)) == Done()

    async def has_ended() -> bool:
        return [(status, code) for _, _, status, code in await run.fleet.ends()] == [
            (ends.IDLE.status, ends.IDLE.code)
        ]

    await eventually(has_ended)
    refused = await run.ask(ListTargets(run_id=run.run_id))
    assert isinstance(refused, Refused)
    assert refused.code == "runtime.not_active"


async def test_what_is_no_request_is_refused(run: Asked) -> None:
    refused = await run.fleet.ask(subjects.run_request(WORKER), b'{"type":"novelty"}')
    assert isinstance(refused, Refused)
    assert refused.code == "request.invalid"


async def test_a_browser_that_stands_still(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_requests, "TARGETS_SECONDS", 0.2)
    async with serving(fleet, server.url, tmp_path) as worker:
        started = await fleet.start("rt-1")
        assert isinstance(started, RunStarted)
        runtime = worker.host.find_run(started.run_id)
        assert runtime is not None
        assert runtime.browser.process is not None
        os.kill(runtime.browser.process.pid, signal.SIGSTOP)
        refused = await Asked(fleet, started.run_id).ask(ListTargets(run_id=started.run_id))
        assert isinstance(refused, Refused)
        assert refused.code == "runtime.host_unavailable"

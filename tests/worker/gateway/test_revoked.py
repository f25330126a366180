"""URLs that were given to an API key which was revoked since."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from picows import WSError, ws_connect
from uuid_utils import uuid7

from recorder.bus.configs import bucket_config
from schemas import subjects
from schemas.ids import FIRST_KEY_ID
from schemas.streams import REVOKED_KEYS
from schemas.tokens import connect_url, connection_url
from tests.support.nats_server import NatsServer
from tests.support.real_runtime import SECRET, RealRuntime, real_runtime
from tests.support.worker_cdp import CdpClient, cdp_client
from tests.support.worker_host import Fleet
from worker.bus import Bus
from worker.gateway.revoked import RevokedKeys
from worker.gateway.server import Gateway
from worker.publisher import LinkDown

pytestmark = pytest.mark.browser


class Bucket:
    """Of revoked keys, on a NATS server; asked as a worker asks."""

    def __init__(self, fleet: Fleet, bus: Bus) -> None:
        self._fleet = fleet
        self.bus = bus

    async def revoke(self, key_id: str) -> None:
        bucket = await self._fleet.jetstream.key_value(subjects.REVOKED_KEYS_BUCKET)
        await bucket.put(key_id, b"2026-01-01T00:00:00Z")


@pytest.fixture
async def bucket(server: NatsServer, fleet: Fleet) -> AsyncIterator[Bucket]:
    await fleet.jetstream.create_key_value(bucket_config(REVOKED_KEYS, replicas=1))
    bus = await Bus.connect(server.url, "a worker")
    yield Bucket(fleet, bus)
    await bus.close()


@pytest.fixture
async def guarded(tmp_path: Path, bucket: Bucket) -> AsyncIterator[RealRuntime]:
    gateway = Gateway(secret=SECRET, keys=RevokedKeys(bucket.bus.is_revoked))
    looking = asyncio.create_task(gateway.look_after())
    async with real_runtime(tmp_path, gateway=gateway) as real:
        yield real
    looking.cancel()


def url_of(real: RealRuntime, key_id: str, connection_id: str = "") -> str:
    gateway, run_id = real.connect_url.partition("/cdp/")[0], real.runtime.log.run_id
    if connection_id:
        return connection_url(gateway, SECRET, run_id, connection_id, key_id)
    return connect_url(gateway, SECRET, run_id, key_id)


async def test_a_key_that_is_revoked_opens_nothing(guarded: RealRuntime, bucket: Bucket) -> None:
    key_id = str(uuid7())
    async with cdp_client(url_of(guarded, key_id)) as client:
        assert await client.call("Browser.getVersion")
    await bucket.revoke(key_id)
    async with cdp_client(url_of(guarded, key_id)) as client:
        await client.closed.wait()
        assert client.close_code == 1008
        assert client.close_reason.startswith("key.revoked")
    with pytest.raises(WSError, match="410"):  # known by now
        await ws_connect(CdpClient, url_of(guarded, key_id))


async def test_who_came_by_it_is_dropped(guarded: RealRuntime, bucket: Bucket) -> None:
    theirs, others = str(uuid7()), str(uuid7())
    created = guarded.runtime.attachments.create_connection(3600)
    assert created is not None
    by_connection = url_of(guarded, theirs, created.connection_id)
    async with (
        cdp_client(url_of(guarded, theirs)) as one,
        cdp_client(by_connection) as two,
        cdp_client(url_of(guarded, others)) as another,
        cdp_client(guarded.connect_url) as first,
    ):
        for client in (one, two, another, first):
            await client.call("Browser.getVersion")
        await bucket.revoke(theirs)
        await one.closed.wait()
        await two.closed.wait()
        for client in (another, first):
            assert await client.call("Browser.getVersion")
    closed = await guarded.until("connection.closed", closeCode=1008)
    assert closed["reason"].startswith("key.revoked")


async def test_the_first_key_is_nobodys_to_revoke(guarded: RealRuntime, bucket: Bucket) -> None:
    await bucket.revoke(FIRST_KEY_ID)
    async with cdp_client(guarded.connect_url) as client:
        assert await client.call("Browser.getVersion")


async def test_without_nats_nobody_new_comes_in_and_who_is_there_stays(
    guarded: RealRuntime, server: NatsServer
) -> None:
    key_id = str(uuid7())
    async with cdp_client(url_of(guarded, key_id)) as there:
        await there.call("Browser.getVersion")
        await server.stop()
        async with cdp_client(url_of(guarded, key_id)) as new:
            await new.closed.wait()
            assert new.close_code == 1013
        assert await there.call("Browser.getVersion")
        async with cdp_client(guarded.connect_url) as first:
            assert await first.call("Browser.getVersion")


async def test_what_cannot_be_asked_is_not_known() -> None:
    async def ask(_key_id: str) -> bool:
        raise LinkDown("away")

    keys = RevokedKeys(ask)
    assert await keys.standing("a") == "unknown"
    assert await keys.among(["a"]) == set()
    assert not keys.is_known("a")


async def test_what_is_revoked_stays_so() -> None:
    answers = [True]

    async def ask(_key_id: str) -> bool:
        return answers.pop()

    keys = RevokedKeys(ask)
    assert await keys.among(["a", "a", FIRST_KEY_ID]) == {"a"}
    assert await keys.standing("a") == "revoked"
    assert keys.is_known("a")


async def test_one_that_is_not_answered_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.gateway.revoked.ASK_SECONDS", 1.0)

    async def ask(key_id: str) -> bool:
        if key_id.startswith("silent"):
            await asyncio.Event().wait()
        if key_id == "away":
            raise LinkDown("away")
        return True

    keys = RevokedKeys(ask)
    async with asyncio.timeout(10):  # one after the other they take twenty
        silent = {f"silent {number}" for number in range(20)}
        assert await keys.among({*silent, "revoked", "away"}) == {"revoked"}

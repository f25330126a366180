"""A key that opens nothing any more: everything that was opened by it ends, at every recorder, and workers are told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import nats
import pytest

from recorder import bus as buses
from recorder.bus import Bus
from recorder.keys import Key, digest
from recorder.keys import upkeep as upkeeping
from recorder.keys.admission import Admission
from recorder.keys.keyring import Keyring
from recorder.keys.upkeep import Upkeep
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.store import open_store
from schemas import streams, subjects
from schemas.events import EventData
from schemas.events.key import KeyCreated, KeyRevoked
from schemas.problems import ApiKeyEnded, AuthRequired, StorageUnavailable
from schemas.times import rfc3339
from tests.support import recorder_spec as spec
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_artifacts import make
from tests.support.recorder_keys import KEYS, WHOAMI, ask, bearer, make_key, status_of
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker

MIB = 1024 * 1024


@pytest.fixture(scope="module")
async def other(
    recorder: Running, nats_server: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """A second recorder of the same fleet."""
    directory = tmp_path_factory.mktemp("other")
    async with running(settings_for(directory, nats_server.url, recorder_id="r2")) as other:
        yield other


@asynccontextmanager
async def following(recorder: Running, run: FakeRun, secret: str) -> AsyncIterator[httpx.Response]:
    """A stream of the run's events, of which the first was read."""
    path = f"/v1/runs/{run.run_id}/events/stream"
    async with recorder.http.stream("GET", path, headers=bearer(secret)) as stream:
        assert stream.status_code == 200
        yield stream


async def read_to_its_end(stream: httpx.Response) -> None:
    async for _ in stream.aiter_raw():
        pass


async def told_to_workers(nats_url: str, key_id: str) -> bool:
    """What a worker sees, who reads one key of the bucket."""
    client = await nats.connect(nats_url)
    try:
        bucket = await client.jetstream().key_value(subjects.REVOKED_KEYS_BUCKET)
        return key_id in await bucket.keys()
    finally:
        await client.close()


async def test_revoked_ends_what_goes_on_at_every_recorder(
    recorder: Running, other: Running, run: FakeRun, nats_server: NatsServer
) -> None:
    made, bystander = await make_key(recorder), await make_key(recorder)
    secret = made["secret"]
    await eventually(lambda: _opens(other, secret, bystander["secret"]))
    async with AsyncExitStack() as stack:
        both = (recorder, other)
        streams = [await stack.enter_async_context(following(at, run, secret)) for at in both]
        kept = await stack.enter_async_context(following(recorder, run, bystander["secret"]))
        waits = [
            asyncio.create_task(
                at.http.post(
                    f"/v1/runs/{run.run_id}/wait",
                    json={"timeoutMs": 120_000},
                    headers=bearer(secret),
                )
            )
            for at in both
        ]
        reading = [asyncio.create_task(read_to_its_end(each)) for each in (*streams, kept)]
        await asyncio.sleep(0)
        assert (await recorder.delete(f"{KEYS}/{made['id']}"))["status"] == "revoked"
        assert await status_of(recorder, secret) == 401
        assert await told_to_workers(nats_server.url, made["id"])
        async with asyncio.timeout(60):
            await asyncio.gather(*reading[:2], *waits)
        assert [wait.result().status_code for wait in waits] == [401, 401]
        assert await status_of(other, secret) == 401
        assert not reading[2].done()
        reading[2].cancel()
    answer = (await ask(recorder, secret)).json()
    assert (answer["code"], answer["error"]) == ("auth.required", "This API key was revoked.")
    assert (await recorder.delete(f"{KEYS}/{made['id']}"))["status"] == "revoked"


async def _opens(recorder: Running, *secrets: str) -> bool:
    return all([await status_of(recorder, secret) == 200 for secret in secrets])


async def test_expired_ends_what_goes_on_and_is_told_to_workers(
    recorder: Running, run: FakeRun, nats_server: NatsServer
) -> None:
    made = await make_key(recorder, expiresAt=rfc3339(time.time_ns() + 5_000_000_000))
    async with following(recorder, run, made["secret"]) as stream:
        async with asyncio.timeout(60):
            await read_to_its_end(stream)
    await eventually(lambda: told_to_workers(nats_server.url, made["id"]))


async def test_a_download_breaks_off(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    data = await make(recorder, worker, run, b"x" * (64 * MIB))
    made = await make_key(recorder)
    path = f"/v1/files/{data.artifact_id}/content"
    async with recorder.http.stream("GET", path, headers=bearer(made["secret"])) as content:
        assert content.status_code == 200
        await recorder.delete(f"{KEYS}/{made['id']}")
        with pytest.raises(httpx.RemoteProtocolError):
            await read_to_its_end(content)


async def test_ended_again_while_it_is_ending(tmp_path: Path) -> None:
    """The bucket says once a second what the table has said, and what is held may take a while to end."""
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        keyring, key, ending = (
            Keyring(store, News(), "x"),
            Key(id="k1", scopes=frozenset()),
            asyncio.Event(),
        )

        async def hold() -> None:
            async with keyring.held(key):
                try:
                    await asyncio.Event().wait()
                finally:
                    ending.set()
                    await asyncio.sleep(0)

        holding = asyncio.create_task(hold())
        await asyncio.sleep(0)
        keyring.end({key.id})
        await ending.wait()
        keyring.end({key.id})
        with pytest.raises(ApiKeyEnded):
            await holding


@pytest.fixture
async def bus(own_nats: NatsServer) -> AsyncIterator[Bus]:
    async with buses.connect(own_nats.url, "test") as bus:
        for bucket in (streams.REVOKED_KEYS, streams.KEY_USES):
            await bus.ensure_bucket(bucket, 1)
        yield bus


@asynccontextmanager
async def upkeep_of(
    bus: Bus, file: Path, *facts: EventData
) -> AsyncIterator[tuple[Upkeep, Keyring]]:
    """A recorder's keys, with tables that show these facts and no more."""
    async with open_store(file, PROJECTIONS) as store:
        await spec.apply(
            store,
            [
                spec.message(at, spec.fact(data, subjects.ORGANIZATION), subjects.CONTROL)
                for at, data in enumerate(facts, 1)
            ],
        )
        keyring = Keyring(store, News(), "the-first-key")
        yield Upkeep(bus, keyring), keyring


CREATED = KeyCreated(key_id="k1", name="k", hash=digest("s1"), scopes=["read"])


async def test_what_a_recorder_could_not_tell_another_tells(bus: Bus, tmp_path: Path) -> None:
    """One has revoked it, and died before it could tell the workers."""
    async with upkeep_of(bus, tmp_path / "x.db", CREATED, KeyRevoked(key_id="k1")) as (upkeep, _):
        assert "k1" not in await bus.revoked_keys.read()
        await upkeep.tend()
        assert "k1" in await bus.revoked_keys.read()


async def test_tables_that_are_behind_let_nobody_in_again(bus: Bus, tmp_path: Path) -> None:
    """They show that it was made, and not yet that it was revoked."""
    async with upkeep_of(bus, tmp_path / "x.db", CREATED) as (upkeep, keyring):
        await upkeep.tend()
        key = await keyring.find_key(digest("s1"))
        assert key is not None
        keyring.check(key)
        await bus.revoked_keys.put("k1", "2026-01-01T00:00:00.000Z")
        await upkeep.tend()
        with pytest.raises(ApiKeyEnded):
            keyring.check(key)


async def test_a_bucket_that_was_made_anew_is_filled_again(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeeping, "AFRESH_SECONDS", 0.0)
    async with upkeep_of(bus, tmp_path / "x.db", CREATED, KeyRevoked(key_id="k1")) as (upkeep, _):
        await upkeep.tend()
        await bus._js.delete_key_value(subjects.REVOKED_KEYS_BUCKET)
        await bus.ensure_bucket(streams.REVOKED_KEYS, 1)
        await upkeep.tend()
        assert "k1" in await bus.revoked_keys.read(afresh=True)


async def test_a_use_is_written_once_a_minute_and_seen_by_all(bus: Bus, tmp_path: Path) -> None:
    async with (
        upkeep_of(bus, tmp_path / "x.db", CREATED) as (one, keyring),
        upkeep_of(bus, tmp_path / "y.db", CREATED) as (two, their_keyring),
    ):
        await one.tend()
        key = await keyring.find_key(digest("s1"))
        assert key is not None
        for _ in range(3):
            keyring.use(key)
            await one.note()
        their_keyring.use(key)
        await two.note()
        assert (await bus._js.stream_info(f"KV_{streams.KEY_USES.name}")).state.last_seq == 1
        keyring._uses.clear()
        assert (await one.last_uses()).keys() == {"k1"}


async def test_what_was_revoked_does_not_wait_for_notes(bus: Bus, tmp_path: Path) -> None:
    async with upkeep_of(bus, tmp_path / "x.db", CREATED) as (upkeep, keyring):
        await upkeep.tend()
        key = await keyring.find_key(digest("s1"))
        assert key is not None
        keyring.use(key)
        async with bus.key_uses._reading:  # somebody reads it, and gets no answer
            noting = asyncio.create_task(upkeep.note())
            await bus.revoked_keys.put("k1", "2026-01-01T00:00:00.000Z")
            async with asyncio.timeout(60):
                await upkeep.tend()
            assert not noting.done()
        with pytest.raises(ApiKeyEnded):
            keyring.check(key)
        await noting


async def test_a_wrong_clock_revokes_nothing(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To this recorder two keys have expired, to the server of the stream one."""
    now = time.time()
    await bus.ensure_bucket(streams.WORKERS, 1)
    past, future = (rfc3339(int((now + seconds) * 1e9)) for seconds in (-3600, 3600))
    keys = [
        KeyCreated(key_id=id, name="k", hash=at, scopes=["read"], expires_at=at)
        for id, at in (("past", past), ("future", future))
    ]
    async with upkeep_of(bus, tmp_path / "x.db", *keys) as (upkeep, keyring):
        with monkeypatch.context() as wrong:
            wrong.setattr(time, "time", lambda: now + 7200)
            await upkeep.tend()
            key = await keyring.find_key(future)
            assert key is not None
            with pytest.raises(ApiKeyEnded):
                keyring.check(key)
        assert (await bus.revoked_keys.read()).keys() == {keys[0].key_id}
        await upkeep.tend()
        keyring.check(key)


async def test_the_first_key_is_not_ended_by_a_bucket(bus: Bus, tmp_path: Path) -> None:
    async with upkeep_of(bus, tmp_path / "x.db") as (upkeep, keyring):
        key = await keyring.find_key(digest("the-first-key"))
        assert key is not None
        await bus.revoked_keys.put(key.id, "2026-01-01T00:00:00.000Z")
        await upkeep.tend()
        keyring.check(key)


async def test_revoking_needs_nats(tmp_path: Path, own_nats: NatsServer) -> None:
    """Nothing is half done: it opens until it can be said that it does not."""
    async with running(settings_for(tmp_path, own_nats.url)) as recorder:
        made = await make_key(recorder)
        await own_nats.stop()
        answer = await recorder.delete(f"{KEYS}/{made['id']}", status=503)
        assert answer["code"] == "storage.unavailable"
        assert await status_of(recorder, made["secret"], WHOAMI) == 200


async def test_a_key_that_was_not_read_yet_is_not_called_wrong(bus: Bus, tmp_path: Path) -> None:
    """A recorder whose tables are being filled does not know which keys there are."""
    behind = True
    async with upkeep_of(bus, tmp_path / "x.db") as (_, keyring):
        admission = Admission(keyring, 0, lambda: behind)
        with pytest.raises(StorageUnavailable):
            await admission.admit("s1", "192.0.2.1")
        assert (await admission.admit("the-first-key", "192.0.2.1")).space_id is None
        behind = False
        with pytest.raises(AuthRequired):
            await admission.admit("s1", "192.0.2.1")

"""What a later version has written is refused in one sentence, and what is older is not touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import nats
import pytest
from nats.js import JetStreamContext, api

from recorder import app
from recorder.bus import connect
from recorder.projections import PROJECTIONS
from recorder.store import Transaction, open_store
from schemas import streams
from schemas.problems import CannotStart
from schemas.streams import FORMAT_KEY, METADATA
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import settings_for

RUNS = streams.runs_stream(max_age_days=1, max_bytes=1024 * 1024)


@pytest.fixture
async def js(own_nats: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(own_nats.url)
    yield client.jetstream()
    await client.close()


async def metadata(js: JetStreamContext, name: str) -> dict[str, str]:
    """Without what the server puts there itself."""
    found = (await js.stream_info(name)).config.metadata or {}
    return {key: value for key, value in found.items() if not key.startswith("_nats")}


async def test_new_ones_say_of_which_version_they_are(
    own_nats: NatsServer, js: JetStreamContext
) -> None:
    async with connect(own_nats.url, "test") as bus:
        for _ in range(2):
            await bus.ensure_stream(RUNS, 1)
            await bus.ensure_bucket(streams.WORKERS, 1)
    assert await metadata(js, "RUNS") == METADATA
    assert await metadata(js, "KV_workers") == METADATA
    bucket = await js.key_value("workers")
    await bucket.put("w", b"1")
    assert (await bucket.status()).ttl == streams.WORKERS.ttl_seconds


async def test_older_ones_stay_as_they_are(own_nats: NatsServer, js: JetStreamContext) -> None:
    await js.add_stream(name="RUNS", subjects=["runs.>"])
    await js.create_key_value(bucket="workers")
    async with connect(own_nats.url, "test") as bus:
        await bus.ensure_stream(RUNS, 1)
        await bus.ensure_bucket(streams.WORKERS, 1)
    assert await metadata(js, "RUNS") == await metadata(js, "KV_workers") == {}


@pytest.mark.parametrize("name", ["RUNS", "KV_claims"])
@pytest.mark.parametrize("version", ["2", "new"])
async def test_later_stream_or_bucket_is_refused(
    own_nats: NatsServer, js: JetStreamContext, tmp_path: Path, name: str, version: str
) -> None:
    subjects = ["runs.>"] if name == "RUNS" else ["$KV.claims.>"]
    later = api.StreamConfig(name=name, subjects=subjects, metadata={FORMAT_KEY: version})
    await js.add_stream(later)
    settings = settings_for(tmp_path, own_nats.url)
    with pytest.raises(CannotStart, match=f"{name.removeprefix('KV_')} on .* of format {version};"):
        await app.serve(settings, asyncio.Event())


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 99",
        "UPDATE projections SET version = 99 WHERE name = 'runs'",
        "INSERT INTO projections VALUES ('of the future', 1)",
    ],
)
async def test_later_database_is_refused_and_left_alone(tmp_path: Path, statement: str) -> None:
    file = tmp_path / "x.db"
    async with open_store(file, PROJECTIONS) as store:
        await store.write(lambda transaction: _outside(transaction, statement))
    before = file.read_bytes()
    with pytest.raises(CannotStart, match=r"written by a newer Runreel\."):
        async with open_store(file, PROJECTIONS):
            pass
    assert file.read_bytes() == before


def _outside(transaction: Transaction, statement: str) -> None:
    transaction.execute(statement)


async def test_older_projections_are_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    async with open_store(file, PROJECTIONS):
        pass
    raised = [msgspec.structs.replace(each, version=each.version + 1) for each in PROJECTIONS]
    async with open_store(file, raised) as store:
        versions = await store.rows("SELECT version FROM projections")
    assert {row["version"] for row in versions} == {each.version for each in raised}

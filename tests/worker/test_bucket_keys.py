"""A bucket is read as a whole: every key once, the oldest first, and none that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js.kv import KeyValue

from schemas.nats_users import OWN_API
from tests.support.nats_server import NatsServer
from worker.bus.keys import READ_AT_ONCE, read_keys
from worker.publisher import LinkDown

pytestmark = pytest.mark.nats

BUCKET = "keys"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with NatsServer(tmp_path) as server:
        client = await nats.connect(server.url)
        yield client
        await client.close()


@pytest.fixture
async def bucket(client: Client) -> KeyValue:
    return await client.jetstream(timeout=60).create_key_value(bucket=BUCKET, direct=True)


async def test_empty(client: Client, bucket: KeyValue) -> None:
    assert await read_keys(client, OWN_API, BUCKET) == []


async def test_newest_value_at_its_place_in_order(client: Client, bucket: KeyValue) -> None:
    for key, value in (("a", b"1"), ("b", b"2"), ("c", b"3"), ("a", b"4")):
        await bucket.put(key, value)
    await bucket.delete("b")
    await bucket.purge("c")
    await bucket.put("c", b"5")
    assert await read_keys(client, OWN_API, BUCKET) == [("a", b"4"), ("c", b"5")]


async def test_more_than_are_read_at_once(client: Client, bucket: KeyValue) -> None:
    keys = [f"k{number}" for number in range(READ_AT_ONCE + 7)]
    for some in range(0, len(keys), 100):
        await asyncio.gather(*(bucket.put(key, key.encode()) for key in keys[some : some + 100]))
    found = await read_keys(client, OWN_API, BUCKET)
    assert sorted(key for key, _ in found) == sorted(keys)
    assert all(value == key.encode() for key, value in found)


async def test_as_often_as_it_is_read(client: Client, bucket: KeyValue) -> None:
    """The library's watch sometimes found a bucket of one key empty."""
    await bucket.put("only", b"1")
    for _ in range(300):
        assert await read_keys(client, OWN_API, BUCKET) == [("only", b"1")]


async def test_a_bucket_that_is_not_there(client: Client) -> None:
    with pytest.raises(LinkDown):
        await read_keys(client, OWN_API, "nowhere")

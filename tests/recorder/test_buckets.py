"""Claims as one reads them: only what changed, and all of them when asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from recorder import bus as buses
from recorder.bus import Bus, mirror
from schemas import codec, subjects
from schemas.requests import Claim
from schemas.streams import CLAIMS, WORKERS
from tests.support.nats_server import NatsServer


@pytest.fixture
async def bus(own_nats: NatsServer) -> AsyncIterator[Bus]:
    async with buses.connect(own_nats.url, "test") as bus:
        for bucket in (CLAIMS, WORKERS):
            await bus.ensure_bucket(bucket, 1)
        yield bus


async def put(bus: Bus, runtime_id: str, run_id: str) -> int:
    claim = Claim(worker_id="w1", run_id=run_id, space_id="s", gateway_url="ws://x")
    bucket = await bus._js.key_value(subjects.CLAIMS_BUCKET)
    return await bucket.put(runtime_id, codec.encode(claim))


async def held(bus: Bus, *, afresh: bool = False) -> dict[str, str | None]:
    claims = await bus.claims.read(afresh=afresh)
    return {key: each.claim.run_id if each.claim else None for key, each in claims.items()}


@pytest.mark.parametrize("at_once", [1, 2, 1000])
async def test_claims_are_read_as_they_change(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(mirror, "READ_AT_ONCE", at_once)
    assert await held(bus) == {}
    for number in range(5):
        await put(bus, f"r{number}", "one")
    assert await held(bus) == {f"r{number}": "one" for number in range(5)}
    revision = await put(bus, "r1", "two")
    await bus.keys.release("r0", (await bus.claims.read())["r0"].revision)
    await bus.keys.release("r1", revision - 1)  # it is another one by now
    bucket = await bus._js.key_value(subjects.CLAIMS_BUCKET)
    await bucket.put("r2", b"of a later version")
    expected = {"r1": "two", "r2": None, "r3": "one", "r4": "one"}
    assert await held(bus) == expected
    assert await held(bus, afresh=True) == expected


async def test_marks_of_claims_that_were_given_back_are_removed(bus: Bus) -> None:
    for number in range(3):
        await bus.keys.release(f"r{number}", await put(bus, f"r{number}", "one"))
    await put(bus, "r0", "two")
    await put(bus, "r9", "one")
    assert await bus.keys.purge_marks(60) == 0
    assert await bus.keys.purge_marks(-60) == 2
    info = await bus._js.stream_info(f"KV_{subjects.CLAIMS_BUCKET}")
    assert info.state.messages == 2
    assert await held(bus, afresh=True) == {"r0": "two", "r9": "one"}
    await put(bus, "r1", "again")
    assert await held(bus) == {"r0": "two", "r1": "again", "r9": "one"}


async def test_bucket_that_was_made_anew(bus: Bus) -> None:
    for number in range(5):
        await put(bus, f"r{number}", "one")
    await held(bus)
    await bus._js.delete_key_value(subjects.CLAIMS_BUCKET)
    await bus.ensure_bucket(CLAIMS, 1)
    await put(bus, "r9", "two")
    assert await held(bus, afresh=True) == {"r9": "two"}


async def test_claim_is_dropped_only_if_it_is_still_that_runs(bus: Bus) -> None:
    await put(bus, "r", "one")
    await bus.drop_claim("r", "another")
    assert await held(bus) == {"r": "one"}
    await bus.drop_claim("r", "one")
    await bus.drop_claim("r", "one")
    assert await held(bus) == {}


async def test_probe_is_no_beat(bus: Bus) -> None:
    assert await bus.keys.probe("r1")
    assert (await bus.keys.find_beat("r1")).revision == 0
    bucket = await bus._js.key_value(subjects.WORKERS_BUCKET)
    revision = await bucket.put("w1", b"whatever")
    assert (await bus.keys.find_beat("w1")).revision == revision

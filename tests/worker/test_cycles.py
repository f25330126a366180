"""A worker that has had many runs is as it was: a real process, and what is left of it and of its browsers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from msgspec import Struct
from msgspec.structs import astuple

from schemas import subjects
from schemas.requests import RunStarted, RunStopped
from schemas.runtime_config import RuntimeConfig
from schemas.tokens import connect_url
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_cdp import cdp_client
from tests.support.worker_host import SECRET, Fleet
from tests.support.worker_process import WorkerProcess, worker_process

pytestmark = [pytest.mark.nats, pytest.mark.browser, pytest.mark.slow]

BEFORE = 12  # caches fill, pools grow, code is imported
CYCLES = 50
MOST_GROWTH = 1.05
WARM = 1
DIRECTORIES = 2  # of a browser: its own, and what is laid for it to read

# By turns: one that was waiting, one with a flag of its own, one with a profile.
KINDS: list[tuple[RuntimeConfig, str | None]] = [
    (RuntimeConfig(), None),
    (RuntimeConfig(timezone="Asia/Tokyo"), None),
    (RuntimeConfig(), "kept"),
]


class Left(Struct, frozen=True):
    """What a worker has when no run is active, its warm browser aside."""

    children: int
    descriptors: int
    sockets: int
    directories: int
    objects: int
    claims: int


async def cycle(fleet: Fleet, number: int) -> None:
    config, profile = KINDS[number % len(KINDS)]
    started = await fleet.start("rt-1", config, profile=profile)
    assert isinstance(started, RunStarted), started
    url = connect_url(started.gateway_url, SECRET, started.run_id)
    async with cdp_client(url) as client:
        await (await client.new_page()).evaluate("1")
    assert isinstance(await fleet.stop("rt-1", started.run_id), RunStopped)


async def left(fleet: Fleet, worker: WorkerProcess, place: Path) -> Left:
    """Counted once its warm browser waits again, and what is removed at leisure is removed."""
    process = psutil.Process(worker.pid)
    await eventually(lambda: len(process.children()) == WARM)
    await eventually(
        lambda: len(list(worker.runs.iterdir())) == WARM * DIRECTORIES,
        explain=lambda: sorted(worker.runs.iterdir()),
    )
    bucket = await fleet.jetstream.stream_info(
        f"KV_{subjects.CLAIMS_BUCKET}", subjects_filter=f"$KV.{subjects.CLAIMS_BUCKET}.>"
    )
    claims = bucket.state.messages - await deleted(fleet)
    stored = [path for path in (place / "artifacts").rglob("*") if path.is_file()]
    return Left(
        children=len(process.children()),
        descriptors=await least(process.num_fds),
        sockets=await least(lambda: len(process.net_connections("all"))),
        directories=len(list(worker.runs.iterdir())),
        objects=len(stored),
        claims=claims,
    )


async def deleted(fleet: Fleet) -> int:
    """A claim that was given back leaves a marker, one a runtime."""
    return int(await fleet.claim_of("rt-1") is None)


async def memory(worker: WorkerProcess) -> int:
    """Bytes of its own; a garbage collection may be due."""
    return await least(lambda: psutil.Process(worker.pid).memory_full_info().uss)


async def least(look: Callable[[], int]) -> int:
    """Of some looks: what is only there in passing does not count."""
    looks = []
    for _ in range(5):
        looks.append(look())
        await asyncio.sleep(0.2)
    return min(looks)


@pytest.mark.timeout(600)
async def test_fifty_runs_leave_nothing(server: NatsServer, fleet: Fleet, tmp_path: Path) -> None:
    settings = {"RUNREEL_WARM_BROWSERS": str(WARM)}
    async with worker_process(server.url, tmp_path, **settings) as worker:
        await eventually(fleet.is_served)
        for number in range(BEFORE):
            await cycle(fleet, number)
        before, used_before = await left(fleet, worker, tmp_path), await memory(worker)
        for number in range(CYCLES):
            await cycle(fleet, number)
        after = await left(fleet, worker, tmp_path)
        assert all(
            now <= then for now, then in zip(astuple(after), astuple(before), strict=True)
        ), (
            before,
            after,
        )
        assert (before.claims, before.objects) == (0, 1)
        used = await memory(worker)
        assert used <= used_before * MOST_GROWTH, f"{used_before:,} → {used:,} bytes"
    assert not worker.runs.exists()

"""A parked run over HTTP: it says so, and its followers see the rest once it goes on, in order, each once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from recorder import app, quarantine
from recorder.parts import Recorder
from recorder.queries.runs import list_open
from schemas import subjects
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, fake_worker, new_id
from tests.support.sse_frames import Frame, frames


class World:
    """A recorder, its parts, and a run of its worker."""

    def __init__(
        self, http: Running, parts: Recorder, worker: FakeWorker, run: FakeRun, other: FakeRun
    ) -> None:
        self.http, self.parts, self.worker, self.run, self.other = http, parts, worker, run, other

    async def park(self) -> int:
        """A message that nobody can read; its position."""
        subject = f"runs.{self.run.space_id}.{self.run.run_id}.{self.worker.worker_id}.x"
        return await self.worker.publish_raw(subject, b"?", new_id())

    async def happen(self, run: FakeRun, *kinds: str) -> int:
        return await self.worker.publish(run, *(run.event(kind) for kind in kinds))

    async def shown(self, position: int) -> None:
        assert await self.parts.news.wait_for_position(subjects.RUNS, position, 60)

    async def skip(self) -> quarantine.Outcome:
        [found] = await quarantine.find_all(self.parts.store)
        return await quarantine.skip(
            self.parts.store, self.parts.news, found.stream, found.epoch, found.position
        )

    @property
    def path(self) -> str:
        return f"/v1/runs/{self.run.run_id}"


@pytest.fixture
async def world(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    found: list[Recorder] = []
    assemble = app._assemble

    def assemble_and_tell(*given: Any) -> Recorder:
        found.append(assemble(*given))
        return found[0]

    monkeypatch.setattr(app, "_assemble", assemble_and_tell)
    settings = settings_for(tmp_path, own_nats.url, recorder_id="parked")
    async with running(settings) as http, fake_worker(own_nats.url, "w-parked") as worker:
        await http.until_startable()
        runs = [await _start(http, worker) for _ in range(2)]
        yield World(http, found[0], worker, *runs)


async def _start(http: Running, worker: FakeWorker) -> FakeRun:
    runtime = await http.post("/v1/runtimes", {}, status=201)
    started = await http.post(f"/v1/runtimes/{runtime['id']}/start")
    return worker.runs[started["runId"]]


async def take(told: AsyncIterator[Frame], count: int) -> list[int]:
    """The numbers of the next events."""
    return [(await anext(told)).data["sequence"] for _ in range(count)]


@pytest.mark.parametrize("query", [{}, {"type": "x.*,runtime.*"}], ids=["all", "filtered"])
async def test_followers_of_a_parked_run_see_the_rest(world: World, query: dict[str, Any]) -> None:
    async with frames(world.http.http, f"{world.path}/events/stream", **query) as told:
        assert await take(told, 2) == [1, 2]
        await world.park()
        await world.happen(world.run, "x.a", "x.b")
        # Others go on, and so does what this follower has been shown of the stream.
        await world.shown(await world.happen(world.other, "x.a", "x.b", "x.c"))
        await world.shown(await world.happen(world.run, "x.c"))
        assert (await world.skip()).went_on == 4
        assert await take(told, 3) == [3, 4, 5]
        await world.worker.end(world.run)
        assert await take(told, 1) == [6]
        assert (await anext(told)).event == "run.ended"


async def test_cursor_of_before_is_good_for_after(world: World) -> None:
    await world.park()
    await world.shown(await world.happen(world.run, "x.a"))
    waited = await world.http.post(
        f"{world.path}/events/wait", {"timeoutMs": 0, "cursor": await _last_id(world)}
    )
    assert waited["timedOut"]
    await world.skip()
    waited = await world.http.post(
        f"{world.path}/events/wait", {"timeoutMs": 10_000, "cursor": waited["cursor"]}
    )
    assert waited["event"]["sequence"] == 3


async def _last_id(world: World) -> str:
    async with frames(world.http.http, f"{world.path}/events/stream") as told:
        return [await anext(told) for _ in range(2)][-1].id


async def test_run_and_readiness_say_so(world: World) -> None:
    position = await world.park()
    await world.shown(position)
    parked = (await world.http.get(world.path))["parked"]
    assert parked["code"] == "event.unreadable"
    assert str(position) in parked["message"]
    assert (await world.http.get("/readyz"))["checks"]["parked"] == 1
    await world.skip()
    assert (await world.http.get(world.path))["parked"] is None
    assert (await world.http.get("/readyz"))["checks"]["parked"] == 0


async def test_nobody_ends_a_parked_run_and_its_digest_comes_late(world: World) -> None:
    await world.park()
    await world.worker.end(world.run)
    await world.worker.end(world.other)
    await eventually(lambda: _has_digest(world, world.other))
    assert await list_open(world.parts.store) == []
    assert not await _has_digest(world, world.run)
    await world.skip()
    assert (await world.http.get(world.path))["status"] == "stopped"
    await eventually(lambda: _has_digest(world, world.run))


async def _has_digest(world: World, run: FakeRun) -> bool:
    rows = await world.parts.store.rows("SELECT id FROM digests WHERE id = ?", (run.run_id,))
    return bool(rows)

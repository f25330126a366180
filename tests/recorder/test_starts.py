"""Starts in a small fleet: who takes them, who refuses them, and who waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from recorder.starts import START_SECONDS
from schemas import subjects
from schemas.ids import DEFAULT_SPACE_ID
from schemas.problems import ConcurrentQuotaExceeded, ProfileInUse, RuntimeHostUnavailable
from schemas.requests import Refused, StartRun
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, fake_worker


@dataclass
class Fleet:
    """A recorder of its own, on a NATS server of its own, and as many workers as a test wants."""

    nats_url: str
    recorder: Running
    stack: AsyncExitStack

    async def worker(self, worker_id: str = "w1", capacity: int = 1, **labels: str) -> FakeWorker:
        """One that the recorder knows."""
        worker = await self.stack.enter_async_context(
            fake_worker(self.nats_url, worker_id, capacity, beat_seconds=0.5)
        )
        worker.labels = labels
        await worker.beat()
        await eventually(lambda: self.knows(worker_id, labels=labels))
        return worker

    async def knows(self, worker_id: str, **facts: Any) -> bool:
        """Whether the recorder has had a beat that says so."""
        answer = await self.recorder.http.get("/readyz", params={"for": "start"})
        checks = {each["workerId"]: each for each in answer.json()["checks"]["workers"]}
        return worker_id in checks and facts.items() <= checks[worker_id].items()

    async def has_waiting(self, count: int) -> bool:
        """Whether so many starts wait."""
        answer = await self.recorder.http.get("/readyz", params={"for": "start"})
        return bool(answer.json()["checks"]["startsWaiting"] == count)

    async def runtime(self, **body: Any) -> str:
        return str((await self.recorder.post("/v1/runtimes", body, status=201))["id"])

    async def space(self) -> str:
        return str((await self.recorder.post("/v1/spaces", {"name": "s"}, status=201))["id"])

    async def start(self, runtime_id: str, wait: str = "") -> httpx.Response:
        params = {"wait": wait} if wait else {}
        return await self.recorder.http.post(f"/v1/runtimes/{runtime_id}/start", params=params)

    async def stop(self, runtime_id: str) -> None:
        await self.recorder.post(f"/v1/runtimes/{runtime_id}/stop")


@asynccontextmanager
async def opened(directory: Path, nats_url: str, **settings: Any) -> AsyncIterator[Fleet]:
    async with (
        running(settings_for(directory, nats_url, **settings)) as recorder,
        AsyncExitStack() as stack,
    ):
        yield Fleet(nats_url, recorder, stack)


@pytest.fixture
async def fleet(own_nats: NatsServer, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with opened(tmp_path, own_nats.url) as fleet:
        yield fleet


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


UNAVAILABLE = (503, "runtime.host_unavailable")


async def test_nobody_there_is_said_at_once(fleet: Fleet) -> None:
    answer = await fleet.start(await fleet.runtime())
    assert problem(answer) == UNAVAILABLE
    assert (answer.json()["error"], answer.json()["hint"]) == (
        "No worker is there.",
        "Start one: `runreel worker`.",
    )


async def test_labels_are_held_against_those_of_hosts(fleet: Fleet) -> None:
    plain = await fleet.worker("plain", 5)
    gpu = await fleet.worker("gpu", 5, gpu="yes", region="eu")
    for _ in range(2):
        assert (
            await fleet.start(await fleet.runtime(config={"hostLabels": {"gpu": "yes"}}))
        ).is_success
    assert (len(plain.runs), len(gpu.runs)) == (0, 2)
    missing = await fleet.start(await fleet.runtime(config={"hostLabels": {"gpu": "no"}}))
    assert problem(missing) == UNAVAILABLE
    assert missing.json()["error"] == "No worker has the labels gpu=no."


async def test_starts_that_come_at_once_are_spread(fleet: Fleet) -> None:
    """Though no worker has told yet what it was given."""
    workers = [await fleet.worker(f"w{number}", 2) for number in range(3)]
    runtimes = [await fleet.runtime() for _ in range(6)]
    answers = await asyncio.gather(*map(fleet.start, runtimes))
    assert all(answer.is_success for answer in answers)
    assert [len(worker.runs) for worker in workers] == [2, 2, 2]
    full = await fleet.start(await fleet.runtime())
    assert problem(full) == UNAVAILABLE
    assert full.json()["error"] == "No worker has a free place (there are 6)."
    assert "?wait=10s" in full.json()["hint"]


async def test_starts_of_one_runtime_at_once_need_one_place(fleet: Fleet) -> None:
    worker = await fleet.worker(capacity=1)
    runtime_id = await fleet.runtime()
    answers = await asyncio.gather(*(fleet.start(runtime_id) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert {answer.json()["runId"] for answer in answers} == set(worker.runs)


async def test_last_place_went_to_the_same_runtime(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another recorder's start of it was a moment earlier: the worker refuses ours, and has its claim."""
    worker = await fleet.worker(capacity=1)

    async def start_that_came_second(request: StartRun) -> Refused:
        run = FakeRun(worker.worker_id, request.space_id, request.runtime_id)
        await worker.claim(run)
        await worker.publish(run, run.launching(), run.ready())
        worker.runs[run.run_id] = run
        return Refused(code=RuntimeHostUnavailable.code, message="no free place")

    monkeypatch.setattr(worker, "start", start_that_came_second)
    joined = (await fleet.start(await fleet.runtime())).json()
    assert (joined["started"], joined["status"]) == (False, "active")
    assert set(worker.runs) == {joined["runId"]}


async def test_draining_worker_gets_nothing(fleet: Fleet) -> None:
    worker = await fleet.worker(capacity=5)
    worker.draining = True
    await eventually(lambda: fleet.knows("w1", draining=True))
    answer = await fleet.start(await fleet.runtime())
    assert problem(answer) == UNAVAILABLE
    assert answer.json()["error"] == "Every worker is being drained."


async def test_waits_for_a_worker_that_comes(fleet: Fleet) -> None:
    starting = asyncio.create_task(fleet.start(await fleet.runtime(), "60s"))
    await asyncio.wait([starting], timeout=0.3)
    assert not starting.done()
    await fleet.worker()
    assert (await starting).json()["started"] is True


async def test_waits_for_a_place(fleet: Fleet) -> None:
    await fleet.worker()
    first, second = await fleet.runtime(), await fleet.runtime()
    await fleet.start(first)
    waiting = asyncio.create_task(fleet.start(second, "60s"))
    await asyncio.wait([waiting], timeout=0.3)
    assert not waiting.done()
    await fleet.stop(first)
    assert (await waiting).is_success


@pytest.mark.parametrize(("wait", "seconds"), [("300ms", 0.3), ("0.4", 0.4), ("1s", 1.0)])
async def test_waits_no_longer_than_asked(fleet: Fleet, wait: str, seconds: float) -> None:
    began = time.monotonic()
    answer = await fleet.start(await fleet.runtime(), wait)
    assert time.monotonic() - began >= seconds
    assert (*problem(answer), answer.json()["error"]) == (*UNAVAILABLE, "No worker is there.")


@pytest.mark.parametrize("wait", ["121s", "3m", "-1", "10 s", "soon", "1h"])
async def test_wait_that_is_none(fleet: Fleet, wait: str) -> None:
    answer = await fleet.start(await fleet.runtime(), wait)
    assert problem(answer) == (400, "request.invalid")
    assert answer.json()["details"]["path"] == "$.wait"


async def test_create_waits_too(fleet: Fleet) -> None:
    starting = asyncio.create_task(
        fleet.recorder.http.post("/v1/runtimes?wait=20s", json={"start": True})
    )
    await asyncio.wait([starting], timeout=0.3)
    await fleet.worker()
    assert (await starting).json()["status"] == "active"


async def test_places_go_round_the_spaces(fleet: Fleet) -> None:
    """One space that asks for much does not keep another one waiting."""
    worker = await fleet.worker()
    held = await fleet.runtime()
    await fleet.start(held)
    greedy, modest = await fleet.space(), await fleet.space()
    order: list[str] = []
    waiting = 0

    async def take(space_id: str) -> None:
        runtime_id = await fleet.runtime(spaceId=space_id)
        assert (await fleet.start(runtime_id, "60s")).is_success
        order.append(space_id)
        await fleet.stop(runtime_id)

    async with asyncio.TaskGroup() as group:
        for space_id in (greedy, greedy, greedy, modest, modest):
            group.create_task(take(space_id))
            waiting += 1
            await eventually(partial(fleet.has_waiting, waiting))
        await fleet.stop(held)
    assert order == [greedy, modest, greedy, modest, greedy]
    assert not worker.runs


async def test_runtime_that_changes_while_it_waits(fleet: Fleet) -> None:
    """It starts as it is then; one that is deleted does not start."""
    runtime_id, gone = await fleet.runtime(), await fleet.runtime()
    waiting = asyncio.create_task(fleet.start(runtime_id, "60s"))
    await eventually(partial(fleet.has_waiting, 1))
    in_vain = asyncio.create_task(fleet.start(gone, "60s"))
    await eventually(partial(fleet.has_waiting, 2))
    change = {"config": {"locale": "de-DE", "profile": True}}
    await fleet.recorder.patch(f"/v1/runtimes/{runtime_id}", change)
    await fleet.recorder.delete(f"/v1/runtimes/{gone}")
    worker = await fleet.worker(capacity=2)
    assert (await waiting).is_success
    [request] = worker.starts
    assert (request.config.locale, request.profile) == ("de-DE", runtime_id)
    assert problem(await in_vain) == (404, "runtime.not_found")


async def test_client_that_hangs_up_leaves_the_line(fleet: Fleet) -> None:
    runtime_id = await fleet.runtime()
    with pytest.raises(httpx.ReadTimeout):
        await fleet.recorder.http.post(
            f"/v1/runtimes/{runtime_id}/start", params={"wait": "60s"}, timeout=0.5
        )
    await eventually(partial(fleet.has_waiting, 0))
    worker = await fleet.worker()
    await fleet.recorder.post(f"/v1/runtimes/{await fleet.runtime()}/start")
    assert [run.runtime_id == runtime_id for run in worker.runs.values()] == [False]


async def test_recorder_that_stops_lets_nobody_wait(fleet: Fleet) -> None:
    waiting = asyncio.create_task(fleet.start(await fleet.runtime(), "60s"))
    await eventually(partial(fleet.has_waiting, 1))
    fleet.recorder.stop.set()
    await asyncio.wait_for(waiting, 30)  # half of what it would wait
    assert problem(waiting.result()) == UNAVAILABLE


async def test_space_has_no_more_than_it_may(own_nats: NatsServer, tmp_path: Path) -> None:
    async with opened(tmp_path, own_nats.url, space_max_active=2) as fleet:
        await fleet.worker(capacity=10)
        space, other = await fleet.space(), await fleet.space()
        runtimes = [await fleet.runtime(spaceId=space) for _ in range(3)]
        for runtime_id in runtimes[:2]:
            assert (await fleet.start(runtime_id)).is_success
        refused = await fleet.start(runtimes[2])
        assert problem(refused) == (402, ConcurrentQuotaExceeded.code)
        assert refused.json()["reasonClass"] == "capability_limit_exceeded"
        assert refused.json()["details"]["limit"] == 2
        assert (await fleet.start(runtimes[0])).json()["started"] is False
        assert (await fleet.start(await fleet.runtime(spaceId=other))).is_success

        waiting = asyncio.create_task(fleet.start(runtimes[2], "60s"))
        await eventually(partial(fleet.has_waiting, 1))
        await fleet.stop(runtimes[0])
        assert (await waiting).is_success


@pytest.mark.parametrize("kind", [ConcurrentQuotaExceeded, ProfileInUse])
async def test_what_the_worker_refuses_with_is_the_answer(
    fleet: Fleet, kind: type[ConcurrentQuotaExceeded | ProfileInUse]
) -> None:
    worker = await fleet.worker()
    worker.refuse_with = Refused(code=kind.code, message="Said by the worker.")
    answer = await fleet.start(await fleet.runtime())
    assert problem(answer) == (kind.status, kind.code)
    assert answer.json()["error"] == "Said by the worker."


async def test_host_that_was_cut_off_is_not_waited_for(fleet: Fleet) -> None:
    """Its subscriptions are still there, so NATS does not say that nobody answers."""
    cut_off = await fleet.worker("cut-off", 10)
    cut_off.silent = True

    async def never(request: object) -> Refused:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    cut_off.start = never  # type: ignore[method-assign]
    began = time.monotonic()
    answer = await fleet.start(await fleet.runtime())
    assert problem(answer) == UNAVAILABLE
    assert "cut-off: it does not answer in time" in answer.json()["error"]
    assert time.monotonic() - began < START_SECONDS

    other = await fleet.worker("other", 1)
    assert (await fleet.start(await fleet.runtime())).is_success
    assert len(other.runs) == 1


async def test_start_that_joins_one_which_comes_to_nothing_goes_on_by_itself(fleet: Fleet) -> None:
    """Somebody has claimed the runtime, and gives it back without a run."""
    worker = await fleet.worker(capacity=2)
    runtime_id = await fleet.runtime()
    await worker.claim(FakeRun("w1", DEFAULT_SPACE_ID, runtime_id))
    starting = asyncio.create_task(fleet.start(runtime_id))
    waiting = asyncio.create_task(fleet.start(runtime_id, wait="60s"))
    await eventually(lambda: fleet.has_waiting(1))
    other = await fleet.start(await fleet.runtime(), wait="20s")  # less than it may be claimed
    assert other.is_success, "it stands behind one that takes no place"
    claims = await worker._js.key_value(subjects.CLAIMS_BUCKET)
    await claims.delete(runtime_id)
    answers = [(await each).json() for each in (starting, waiting)]
    assert sorted(answer["started"] for answer in answers) == [False, True]
    assert answers[0]["runId"] == answers[1]["runId"]

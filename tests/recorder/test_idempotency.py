"""Requests that are sent again with their Idempotency-Key: done once, whoever is asked and whoever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct, structs

from recorder import bus as buses
from recorder import cancelling, idempotency
from recorder.bus import Bus
from recorder.idempotency import Asked, Idempotency
from schemas.problems import IdempotencyConflict, RuntimeHostUnavailable, StorageUnavailable
from schemas.requests import Answer, Refused, StartRun
from schemas.streams import IDEMPOTENCY
from schemas.tokens import connect_token
from tests.support.eventually import eventually
from tests.support.files import files_with
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import SECRET, Running, running, settings_for
from tests.support.recorder_worker import FakeWorker, fake_worker, new_id

Json = dict[str, Any]


@pytest.fixture(scope="module")
async def other(
    recorder: Running, nats_server: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """A second recorder of the same fleet."""
    directory = tmp_path_factory.mktemp("other")
    async with running(settings_for(directory, nats_server.url, recorder_id="r2")) as other:
        yield other


@pytest.fixture
def key() -> str:
    return new_id()


async def post(recorder: Running, path: str, key: str, body: object = None) -> httpx.Response:
    return await recorder.http.post(path, json=body, headers={"idempotency-key": key})


async def runtimes_named(recorder: Running, name: str) -> list[Json]:
    found: list[Json] = (await recorder.get("/v1/runtimes", name=name))["data"]
    return found


def same(first: httpx.Response, second: httpx.Response) -> bool:
    return (first.status_code, first.json()) == (second.status_code, second.json())


async def test_create(recorder: Running, other: Running, key: str) -> None:
    body = {"name": key, "metadata": {"a": 1, "b": 2}}
    first = await post(recorder, "/v1/runtimes", key, body)
    assert first.status_code == 201
    again = {"metadata": {"b": 2, "a": 1}, "name": key}
    assert same(first, await post(other, "/v1/runtimes", key, again))
    assert await other.get(f"/v1/runtimes/{first.json()['id']}") == first.json()
    for each in (recorder, other, recorder):
        assert same(first, await post(each, "/v1/runtimes", key, again))
    assert await runtimes_named(recorder, key) == [first.json()]


async def test_create_that_starts(
    recorder: Running, other: Running, worker: FakeWorker, key: str
) -> None:
    body = {"name": key, "start": True}
    first = await post(recorder, "/v1/runtimes", key, body)
    assert (first.status_code, first.json()["status"]) == (201, "active")
    assert first.json()["connectUrl"]
    assert same(first, await post(other, "/v1/runtimes", key, body))
    await recorder.post(f"/v1/runtimes/{first.json()['id']}/stop")
    assert same(first, await post(recorder, "/v1/runtimes", key, body))
    assert len(await runtimes_named(recorder, key)) == 1


async def test_start(recorder: Running, other: Running, worker: FakeWorker, key: str) -> None:
    runtime = await recorder.post("/v1/runtimes", {}, status=201)
    path = f"/v1/runtimes/{runtime['id']}/start"
    first = await post(recorder, path, key)
    assert first.json()["started"] is True
    before = len(worker.starts)
    assert same(first, await post(other, path, key))
    assert same(first, await post(recorder, path, key, {}))
    await recorder.post(f"/v1/runtimes/{runtime['id']}/stop")
    assert same(first, await post(other, path, key))
    assert len(worker.starts) == before
    assert (await recorder.get(f"/v1/runtimes/{runtime['id']}"))["status"] == "stopped"


async def test_other_request(recorder: Running, key: str) -> None:
    first = await post(recorder, "/v1/runtimes", key, {"name": key})
    second = await post(recorder, "/v1/runtimes", key, {"name": f"{key}-2"})
    assert (second.status_code, second.json()["code"]) == (409, "idempotency.conflict")
    assert "retry-after" not in second.headers
    assert await runtimes_named(recorder, f"{key}-2") == []
    assert same(first, await post(recorder, "/v1/runtimes", key, {"name": key}))


async def test_same_key_elsewhere(recorder: Running, worker: FakeWorker, key: str) -> None:
    """A key belongs to an operation on a path."""
    made = [await post(recorder, "/v1/runtimes", f"{key}{number}") for number in range(2)]
    for each in made:
        started = await post(recorder, f"/v1/runtimes/{each.json()['id']}/start", key)
        assert (started.status_code, started.json()["runtimeId"]) == (200, each.json()["id"])


async def test_still_being_answered(
    recorder: Running,
    other: Running,
    worker: FakeWorker,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = await recorder.post("/v1/runtimes", {}, status=201)
    path = f"/v1/runtimes/{runtime['id']}/start"
    start, asked, go = worker.start, asyncio.Event(), asyncio.Event()

    async def slow(request: StartRun) -> Answer:
        asked.set()
        await go.wait()
        return await start(request)

    monkeypatch.setattr(worker, "start", slow)
    asking = asyncio.create_task(post(recorder, path, key))
    await asked.wait()
    answer = await post(other, path, key)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency.conflict")
    assert int(answer.headers["retry-after"]) > 0
    go.set()
    assert same(await asking, await post(other, path, key))


async def test_at_the_same_instant(recorder: Running, other: Running, key: str) -> None:
    body = {"name": key}
    answers = await asyncio.gather(
        *(post(each, "/v1/runtimes", key, body) for each in (recorder, other) * 5)
    )
    good = [answer for answer in answers if answer.status_code == 201]
    assert good
    assert all(same(good[0], each) for each in good)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(await runtimes_named(recorder, key)) == 1


async def test_what_failed_is_tried_again(recorder: Running, worker: FakeWorker, key: str) -> None:
    """With the same runtime; and only what was asked at first."""
    body = {"name": key, "start": True}
    worker.refuse_with = Refused(code=RuntimeHostUnavailable.code, message="full")
    try:
        failed = await post(recorder, "/v1/runtimes", key, body)
    finally:
        worker.refuse_with = None
    assert failed.status_code == 503
    runtime_id = failed.json()["details"]["runtimeId"]
    assert (await post(recorder, "/v1/runtimes", key, {"name": "x"})).status_code == 409
    good = await post(recorder, "/v1/runtimes", key, body)
    assert (good.status_code, good.json()["id"]) == (201, runtime_id)
    assert good.json()["status"] == "active"
    assert len(await runtimes_named(recorder, key)) == 1


async def test_left_behind_by_a_recorder_that_died(
    recorder: Running,
    other: Running,
    worker: FakeWorker,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All was done, and nobody was told so."""

    async def die(*_: object) -> None: ...

    body = {"name": key, "start": True}
    with monkeypatch.context() as patched:
        patched.setattr(Idempotency, "_leave", die)
        first = await post(recorder, "/v1/runtimes", key, body)
    assert first.status_code == 201
    assert (await post(other, "/v1/runtimes", key, body)).status_code == 409
    monkeypatch.setattr(idempotency, "TAKE_OVER_SECONDS", -60.0)
    taken = await post(other, "/v1/runtimes", key, body)
    assert taken.status_code == 201
    for field in ("id", "activeRunId", "connectUrl", "createdAt"):
        assert taken.json()[field] == first.json()[field]
    assert len(await runtimes_named(recorder, key)) == 1


async def test_kept_over_a_restart(own_nats: NatsServer, tmp_path: Path, key: str) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    body = {"name": key}
    async with running(settings) as recorder:
        first = await post(recorder, "/v1/runtimes", key, body)
    async with running(settings) as recorder:
        assert same(first, await post(recorder, "/v1/runtimes", key, body))


async def test_tokens_are_not_kept(own_nats: NatsServer, tmp_path: Path, key: str) -> None:
    async with (
        running(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url) as worker,
    ):

        async def made() -> httpx.Response | None:
            given = await post(recorder, "/v1/runtimes", key, {"start": True})
            return given if given.status_code == 201 else None

        answer = await eventually(made)
        started = await post(recorder, f"/v1/runtimes/{answer.json()['id']}/start", key)
        [run_id] = worker.runs
        await recorder.post(f"/v1/runtimes/{answer.json()['id']}/stop")
    token = connect_token(SECRET, run_id)
    assert token in started.json()["connectUrl"]
    assert list(files_with(own_nats.directory, run_id))
    assert not list(files_with(own_nats.directory, token))
    assert not list(files_with(own_nats.directory, key))


async def test_kept_for_a_day(bus: Bus) -> None:
    info = await bus._js.stream_info("KV_idempotency")
    assert info.config.max_age == 24 * 3600


@pytest.mark.parametrize("given", ["", "x" * 256, "a\tb"])
async def test_key_that_is_none(recorder: Running, given: str) -> None:
    answer = await post(recorder, "/v1/runtimes", given, {})
    assert answer.status_code == 400
    assert answer.json()["details"]["path"] == "Idempotency-Key"


# ── without HTTP ────────────────────────────────────────────────────────────────────────────────


class Done(Struct):
    """What the work comes to."""

    thing: str
    times: int


class Work:
    """Makes a thing; `pauses` before it is made, and then again, for a test to stop it there."""

    def __init__(self, *pauses: asyncio.Event) -> None:
        self.pauses = pauses
        self.things: list[str] = []
        self.begun = asyncio.Event()

    async def __call__(self, ids: Mapping[str, str]) -> Done:
        self.begun.set()
        self.things.append(ids["thing"])
        for pause in self.pauses:
            await pause.wait()
        return Done(ids["thing"], len(self.things))


@pytest.fixture
async def bus(own_nats: NatsServer) -> AsyncIterator[Bus]:
    async with buses.connect(own_nats.url, "test") as bus:
        await bus.ensure_bucket(IDEMPOTENCY, 1)
        yield bus


ASKED = Asked(("me", "make", "1"), b"{}")


def new_thing() -> dict[str, str]:
    return {"thing": new_id()}


async def once(bus: Bus, work: Work, asked: Asked = ASKED) -> Done:
    return await Idempotency(bus.idempotency, SECRET).once(asked, Done, new_thing, work)


async def test_long_work_is_not_taken_over(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does it says so; and can still tell what it came to."""
    monkeypatch.setattr(idempotency, "TOUCH_SECONDS", 0.05)
    monkeypatch.setattr(idempotency, "TAKE_OVER_SECONDS", 5.0)
    go = asyncio.Event()
    work = Work(go)
    doing = asyncio.create_task(once(bus, work))
    await work.begun.wait()
    _, first, _ = await Idempotency(bus.idempotency, SECRET)._find(the_key(bus))

    async def touched() -> bool:
        _, revision, _ = await Idempotency(bus.idempotency, SECRET)._find(the_key(bus))
        return revision >= first + 3

    await eventually(touched)
    with pytest.raises(IdempotencyConflict):
        await once(bus, work)
    go.set()
    done = await doing
    assert await once(bus, Work()) == done
    assert work.things == [done.thing]


def the_key(bus: Bus) -> str:
    return Idempotency(bus.idempotency, SECRET)._digest(*(part.encode() for part in ASKED.key))


async def test_killed_at_work(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is done again with the ids that it was begun with; a late owner changes nothing any more."""
    go = asyncio.Event()
    killed, late, next_one = Work(asyncio.Event()), Work(go), Work()
    dying = asyncio.create_task(once(bus, killed))
    await killed.begun.wait()
    await cancelling.end([dying])
    monkeypatch.setattr(idempotency, "TAKE_OVER_SECONDS", -60.0)
    slow = asyncio.create_task(once(bus, late))
    await late.begun.wait()
    done = await once(bus, next_one)
    go.set()
    assert (await slow).thing == done.thing
    assert {*killed.things, *late.things, *next_one.things} == {done.thing}
    assert await once(bus, Work()) == done


async def test_two_take_over_at_once(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = Work(asyncio.Event())
    dying = asyncio.create_task(once(bus, killed))
    await killed.begun.wait()
    await cancelling.end([dying])
    both = Work()
    monkeypatch.setattr(idempotency, "TAKE_OVER_SECONDS", 5.0)

    async def one() -> Done | None:
        answers = await asyncio.gather(*(once(bus, both) for _ in range(5)), return_exceptions=True)
        done = [each for each in answers if isinstance(each, Done)]
        assert all(isinstance(each, Done | IdempotencyConflict) for each in answers)
        return done[0] if done else None

    done = await eventually(one)
    assert both.things == killed.things == [done.thing]


async def test_answer_of_the_server_that_was_lost(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry was written all the same: it is known again as ours."""
    put = bus.idempotency.put
    calls = []

    async def lossy(key: str, body: bytes, *, after: int) -> int | None:
        calls.append(after)
        written = await put(key, body, after=after)
        return None if len(calls) in (1, 2) else written

    monkeypatch.setattr(bus.idempotency, "put", lossy)
    work = Work()
    done = await once(bus, work)
    assert done == Done(work.things[0], 1)
    assert await once(bus, Work()) == done


async def test_bucket_that_is_full(own_nats: NatsServer) -> None:
    """Nothing is begun, and nobody is told to wait for an answer that will not come."""
    async with buses.connect(own_nats.url, "test") as bus:
        await bus.ensure_bucket(structs.replace(IDEMPOTENCY, max_bytes=4096), 1)
        works = [Work() for _ in range(20)]
        asking = (
            once(bus, work, Asked(("me", "make", str(number)), b"{}"))
            for number, work in enumerate(works)
        )
        with pytest.raises(StorageUnavailable):
            await in_turn(asking)
    done = sum(bool(work.things) for work in works)
    assert 0 < done < len(works)


async def in_turn(asking: Iterable[Awaitable[object]]) -> None:
    for each in asking:
        await each


async def test_entry_of_a_newer_recorder(bus: Bus) -> None:
    await bus.idempotency.put(the_key(bus), b'{"state": "resting"}', after=0)
    with pytest.raises(IdempotencyConflict, match="cannot be read"):
        await once(bus, Work())

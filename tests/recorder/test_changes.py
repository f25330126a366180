"""Runtimes and spaces that are changed and deleted, also by two recorders at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import UNSET

from recorder import leftovers
from recorder.fleet import Fleet
from schemas.ids import DEFAULT_SPACE_ID
from schemas.requests import ReconfigureRun, RunStarted, StartRun
from schemas.runtime_config import RuntimeConfig, SealedProxy
from schemas.sealing import sealing_key, unseal
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import SECRET, Running, running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker

Json = dict[str, Any]
PROXY = {"server": "http://proxy.example:3128", "username": "me", "password": "swordfish-1"}


@pytest.fixture(scope="module")
async def other(
    recorder: Running, nats_server: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """A second recorder of the same fleet."""
    directory = tmp_path_factory.mktemp("other")
    async with running(settings_for(directory, nats_server.url, recorder_id="r2")) as other:
        yield other


async def create(recorder: Running, **body: Any) -> Json:
    runtime: Json = await recorder.post("/v1/runtimes", body, status=201)
    return runtime


def path_of(runtime: Json) -> str:
    return f"/v1/runtimes/{runtime['id']}"


async def at(recorder: Running, path: str) -> dict[str, str]:
    """The header that says: not before you have seen what that recorder has."""
    told = (await recorder.http.get(path)).headers["x-runreel-position"]
    return {"x-runreel-min-position": told}


async def test_name_and_metadata(recorder: Running, run: FakeRun) -> None:
    """At any time, as a merge patch."""
    path = f"/v1/runtimes/{run.runtime_id}"
    before = await recorder.get(path)
    changes = {"name": "two", "metadata": {"a": 1, "b": "x", "c": None}}
    changed = await recorder.patch(path, changes)
    assert changed["name"] == "two"
    assert changed["metadata"] == {"a": 1, "b": "x"}
    assert changed["status"] == "active"
    assert changed["updatedAt"] > before["updatedAt"]
    assert changed == await recorder.get(path)
    assert (await recorder.patch(path, {"metadata": {"a": None}}))["metadata"] == {"b": "x"}
    assert (await recorder.patch(path, {"metadata": None}))["metadata"] == {}


async def test_metadata_has_a_limit(recorder: Running) -> None:
    """One row each: not only what is asked for at once counts."""
    most = {f"f{number}": number for number in range(100)}
    await recorder.post("/v1/runtimes", {"metadata": {**most, "more": 1}}, status=400)
    made = await create(recorder, metadata=most)
    problem = await recorder.patch(path_of(made), {"metadata": {"more": 1}}, 400)
    assert problem["details"]["path"] == "$.metadata"
    swapped = await recorder.patch(path_of(made), {"metadata": {"more": 1, "f0": None}})
    assert len(swapped["metadata"]) == 100


async def test_what_changes_nothing_writes_nothing(recorder: Running) -> None:
    made = await create(recorder, name="one", metadata={"a": 1}, config={"locale": "de-DE"})
    before = (await recorder.http.get("/v1/runtimes")).headers["x-runreel-position"]
    for body in ({}, {"name": "one"}, {"metadata": {"b": None}}, {"config": {"locale": "de-DE"}}):
        assert await recorder.patch(path_of(made), body) == made
    after = (await recorder.http.get("/v1/runtimes")).headers["x-runreel-position"]
    assert after.partition("CONTROL=")[2] == before.partition("CONTROL=")[2]


async def test_config_is_merged(recorder: Running) -> None:
    config = {
        "viewport": {"width": 800, "height": 600},
        "locale": "de-DE",
        "hostLabels": {"region": "eu", "disk": "ssd"},
    }
    made = await create(recorder, config=config)
    change = {"viewport": {"width": 900}, "locale": None, "hostLabels": {"disk": None}}
    changed = await recorder.patch(path_of(made), {"config": change})
    wanted = {"viewport": {"width": 900, "height": 600}, "hostLabels": {"region": "eu"}}
    assert changed["config"] == wanted
    assert (await recorder.patch(path_of(made), {"config": None}))["config"] == {}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": ""}, "$.name"),
        ({"name": None}, "$.name"),
        ({"profile": "other"}, "$"),
        ({"config": {"viewprot": {}}}, "$.config"),
        ({"config": {"viewport": {"width": 0}}}, "$.config.viewport.width"),
        ({"config": {"proxy": {"username": "me"}}}, "$.config.proxy"),
        ({"config": []}, "$.config"),
        ({"metadata": {"a": {}}}, "$.metadata"),
    ],
)
async def test_change_that_is_none(recorder: Running, body: Json, path: str) -> None:
    made = await create(recorder)
    problem = await recorder.patch(path_of(made), body, 400)
    assert problem["code"] == "request.invalid"
    assert problem["details"]["path"].startswith(path)
    assert await recorder.get(path_of(made)) == made


async def password_of(recorder: Running, worker: FakeWorker, runtime: Json) -> str | None:
    await recorder.post(f"{path_of(runtime)}/start")
    await recorder.post(f"{path_of(runtime)}/stop")
    proxy = worker.starts[-1].config.proxy
    if not isinstance(proxy, SealedProxy) or proxy.sealed_password is UNSET:
        return None
    return unseal(proxy.sealed_password, sealing_key(SECRET, "proxy-password"), runtime["id"])


async def test_password_goes_to_no_other_proxy(recorder: Running, worker: FakeWorker) -> None:
    made = await create(recorder, config={"proxy": PROXY})
    path = path_of(made)
    await recorder.patch(path, {"config": {"locale": "de-DE"}})
    assert await password_of(recorder, worker, made) == "swordfish-1"
    await recorder.patch(path, {"config": {"proxy": {"password": "swordfish-2"}}})
    assert await password_of(recorder, worker, made) == "swordfish-2"
    for change in ({"server": "http://thief.example:1"}, {"username": None}):
        problem = await recorder.patch(path, {"config": {"proxy": change}}, 400)
        assert problem["details"]["path"] == "$.config.proxy.password"
    moved = {"server": "http://next.example:1", "password": None}
    shown = await recorder.patch(path, {"config": {"proxy": moved}})
    assert shown["config"]["proxy"] == {"server": "http://next.example:1", "username": "me"}
    assert await password_of(recorder, worker, made) is None


async def test_config_of_an_active_runtime(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    """Only how long it may idle; and its worker is told, also when it was told before."""
    path = f"/v1/runtimes/{run.runtime_id}"
    for config in ({"locale": "de-DE"}, {"locale": "de-DE", "idleTimeoutSeconds": 5}):
        problem = await recorder.patch(path, {"config": config}, 409)
        assert problem["code"] == "runtime.not_stopped"
    for seconds in (60, 60, None):
        await recorder.patch(path, {"config": {"idleTimeoutSeconds": seconds}})
        told = ReconfigureRun(run_id=run.run_id, idle_timeout_seconds=seconds)
        assert worker.asked[-1] == told
    await recorder.post(f"{path}/stop")
    changed = await recorder.patch(path, {"config": {"locale": "de-DE"}})
    assert changed["config"] == {"locale": "de-DE"}


async def test_delete(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    path = f"/v1/runtimes/{run.runtime_id}"
    assert (await recorder.delete(path, 409))["code"] == "runtime.not_stopped"
    await recorder.post(f"{path}/stop")
    assert await recorder.delete(path) == {"id": run.runtime_id, "deleted": True}
    for method, what in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/start"),
        ("POST", "/stop"),
    ):
        problem = await recorder.ask(method, f"{path}{what}", {}, 404)
        assert problem["code"] == "runtime.not_found"
    listed = await recorder.get("/v1/runtimes", limit=1000)
    assert run.runtime_id not in [each["id"] for each in listed["data"]]
    runs = await recorder.get("/v1/runs", runtimeId=run.runtime_id)
    assert [each["id"] for each in runs["data"]] == [run.run_id]


async def test_two_recorders_change_one_runtime(recorder: Running, other: Running) -> None:
    """No change is lost, whichever recorder took it."""
    made = await create(recorder, metadata={"n": 0})
    path = path_of(made)
    await other.http.get(path, headers=await at(recorder, path))
    changes = [
        each.patch(path, {"metadata": {f"{name}{number}": number}})
        for number in range(5)
        for name, each in (("a", recorder), ("b", other))
    ]
    await asyncio.gather(*changes)
    for each, by in ((recorder, other), (other, recorder)):
        answer = await each.http.get(path, headers=await at(by, path))
        assert len(answer.json()["metadata"]) == 11


async def test_deleted_and_changed_at_once(recorder: Running, other: Running) -> None:
    made = await create(recorder)
    path = path_of(made)
    await other.http.get(path, headers=await at(recorder, path))
    deleted, changed = await asyncio.gather(
        recorder.http.delete(path), other.http.patch(path, json={"name": "late"})
    )
    assert deleted.status_code == 200
    assert changed.status_code in (200, 404)
    assert (await other.http.get(path, headers=await at(recorder, "/v1/runs"))).status_code == 404


async def test_start_that_was_under_way_when_it_was_deleted(
    recorder: Running, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker claims after the runtime was looked at, and before it was deleted."""
    made = await create(recorder)
    looked = Fleet.is_active

    async def look(fleet: Fleet, runtime_id: str) -> bool:
        found = await looked(fleet, runtime_id)
        request = StartRun(runtime_id=runtime_id, space_id=made["spaceId"], config=RuntimeConfig())
        started = await worker.start(request)
        assert isinstance(started, RunStarted)
        return found

    monkeypatch.setattr(Fleet, "is_active", look)
    await recorder.delete(path_of(made))
    runs = await recorder.get("/v1/runs", runtimeId=made["id"])
    assert [each["status"] for each in runs["data"]] == ["stopped"]


async def test_start_that_nobody_saw(
    recorder: Running, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It claims after all has been looked at, or the recorder that deleted died before it looked again."""
    made = await create(recorder)
    await recorder.delete(path_of(made))
    run = FakeRun(worker.worker_id, made["spaceId"], made["id"])
    await worker.claim(run)
    worker.runs[run.run_id] = run
    await worker.publish(run, run.launching(), run.ready())

    async def look() -> bool:
        found = await recorder.get("/v1/runs", runtimeId=made["id"])
        return [each["status"] for each in found["data"]] == ["stopped"]

    await eventually(look, leftovers.ROUND_SECONDS + 20)


async def test_space(recorder: Running) -> None:
    space = await recorder.post("/v1/spaces", {"name": "mine"}, status=201)
    path = f"/v1/spaces/{space['id']}"
    renamed = await recorder.patch(path, {"name": "yours"})
    assert renamed["name"] == "yours"
    assert renamed["updatedAt"] > space["updatedAt"]
    assert await recorder.get(path) == renamed
    runtime = await create(recorder, spaceId=space["id"])
    assert (await recorder.delete(path, 409))["code"] == "space.not_empty"
    await recorder.delete(path_of(runtime))
    assert await recorder.delete(path) == {"id": space["id"], "deleted": True}
    for method in ("GET", "PATCH", "DELETE"):
        assert (await recorder.ask(method, path, {}, 404))["code"] == "space.not_found"
    problem = await recorder.post("/v1/runtimes", {"spaceId": space["id"]}, 404)
    assert problem["code"] == "space.not_found"


async def test_default_space_stays(recorder: Running) -> None:
    for name in ("default", DEFAULT_SPACE_ID):
        assert (await recorder.delete(f"/v1/spaces/{name}", 400))["code"] == "request.invalid"


async def test_space_is_deleted_while_runtimes_are_made_in_it(
    recorder: Running, other: Running
) -> None:
    """By two recorders, so that neither's tables show what the other does: never both."""
    for _ in range(10):
        space = await recorder.post("/v1/spaces", {"name": "room"}, status=201)
        path = f"/v1/spaces/{space['id']}"
        await other.http.get(path, headers=await at(recorder, path))
        made, deleted = await asyncio.gather(
            other.http.post("/v1/runtimes", json={"spaceId": space["id"]}),
            recorder.http.delete(path),
        )
        assert (made.status_code, deleted.status_code) in ((201, 409), (404, 200))

"""Spaces, runtimes and their starts, with a worker that has no browser."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from recorder import starts, workers
from recorder.api import frame
from schemas import codec, subjects
from schemas.ends import BROWSER_CRASHED, LAUNCH_FAILED, SPOOL_FULL
from schemas.ids import DEFAULT_SPACE_ID
from schemas.problems import RuntimeHostUnavailable
from schemas.requests import Claim, Refused, RunStarted, RunStopped, StartRun, StopRun
from schemas.tokens import connect_url
from tests.support.recorder_running import SECRET, Running
from tests.support.recorder_worker import GATEWAY, FakeRun, FakeWorker, new_id


async def create(recorder: Running, **body: object) -> dict[str, object]:
    runtime: dict[str, object] = await recorder.post("/v1/runtimes", body, status=201)
    return runtime


async def test_default_space(recorder: Running) -> None:
    space = await recorder.get("/v1/spaces/default")
    assert (space["id"], space["name"]) == (DEFAULT_SPACE_ID, "default")
    assert space in (await recorder.get("/v1/spaces", limit=1000))["data"]


async def test_space_is_there_once_it_is_made(recorder: Running) -> None:
    made = await recorder.post("/v1/spaces", {"name": "mine"}, status=201)
    assert await recorder.get(f"/v1/spaces/{made['id']}") == made


async def test_runtime_is_there_once_it_is_made(recorder: Running) -> None:
    made = await create(recorder, name="one", metadata={"a": 1, "b": None}, profile="p")
    assert made["spaceId"] == DEFAULT_SPACE_ID
    assert (made["status"], made["activeRunId"]) == ("stopped", None)
    assert made["metadata"] == {"a": 1, "b": None}
    assert "connectUrl" not in made
    assert await recorder.get(f"/v1/runtimes/{made['id']}") == made
    assert (await recorder.get("/v1/runtimes", limit=1))["data"] == [made]


async def test_runtime_without_a_name_gets_one(recorder: Running) -> None:
    assert (await create(recorder))["name"]


async def test_config_comes_back_as_it_was_given(recorder: Running) -> None:
    config = {"viewport": {"width": 800, "height": 600}, "locale": "de-DE"}
    assert (await create(recorder, config=config))["config"] == config


async def test_start_and_stop(recorder: Running, worker: FakeWorker) -> None:
    runtime = await create(recorder)
    path = f"/v1/runtimes/{runtime['id']}"
    started = await recorder.post(f"{path}/start")
    run_id = started["runId"]
    assert started == {
        "runtimeId": runtime["id"],
        "runId": run_id,
        "connectUrl": connect_url(GATEWAY, SECRET, run_id),
        "protocol": "cdp",
        "started": True,
        "status": "active",
    }
    active = await recorder.get(path)
    assert (active["status"], active["activeRunId"]) == ("active", run_id)
    assert active["connectUrl"] == started["connectUrl"]
    assert active["protocol"] == "cdp"

    stopped = await recorder.post(f"{path}/stop")
    assert stopped == {
        "runtimeId": runtime["id"],
        "runId": run_id,
        "status": "stopped",
        "stopped": True,
    }
    after = await recorder.get(path)
    assert (after["status"], after["activeRunId"]) == ("stopped", None)
    assert "connectUrl" not in after


async def test_start_of_an_active_runtime_is_the_same_run(recorder: Running, run: FakeRun) -> None:
    again = await recorder.post(f"/v1/runtimes/{run.runtime_id}/start")
    assert (again["runId"], again["started"]) == (run.run_id, False)
    assert again["connectUrl"] == connect_url(GATEWAY, SECRET, run.run_id)


async def test_created_started(recorder: Running, worker: FakeWorker) -> None:
    runtime = await create(recorder, start=True)
    assert runtime["status"] == "active"
    assert runtime["activeRunId"] in worker.runs


async def test_runtime_whose_newest_run_failed(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    await worker.end(run, BROWSER_CRASHED)
    ended = await recorder.post(f"/v1/runs/{run.run_id}/wait")
    assert ended["failure"]["code"] == "browser.crashed"
    assert (await recorder.get(f"/v1/runtimes/{run.runtime_id}"))["status"] == "failed"
    failed = await recorder.get("/v1/runtimes", status="failed", limit=1000)
    assert run.runtime_id in [each["id"] for each in failed["data"]]


async def test_filters(recorder: Running, run: FakeRun) -> None:
    space = await recorder.post("/v1/spaces", {"name": "room"}, status=201)
    inside = await create(recorder, spaceId=space["id"])
    listed = await recorder.get("/v1/runtimes", spaceId=space["id"])
    assert listed["data"] == [inside]
    active = await recorder.get("/v1/runtimes", status="active", limit=1000)
    assert run.runtime_id in [each["id"] for each in active["data"]]
    several = await recorder.http.get("/v1/runtimes?status=active&status=stopped&limit=1000")
    commas = await recorder.http.get("/v1/runtimes?status[]=active,stopped&limit=1000")
    assert several.json() == commas.json()
    default = await recorder.get("/v1/runtimes", spaceId="default", limit=1000)
    assert inside["id"] not in [each["id"] for each in default["data"]]


async def test_found_by_metadata(recorder: Running) -> None:
    """As text, whatever it is; by several values at once; names may have dots."""
    pair = {"customerJobId": f"job_{new_id()}"}
    values = {"n": 1, "x": 1.5, "yes": True, "nothing": None, "a.b": "ü & c"}
    first = await create(recorder, metadata={**pair, **values})
    second = await create(recorder, metadata={**pair, "n": 2})
    for query, wanted in (
        ({}, [second, first]),
        ({"metadata.n": "1"}, [first]),
        ({"metadata[n]": "2"}, [second]),
        ({"metadata.x": "1.5", "metadata.yes": "true", "metadata.nothing": "null"}, [first]),
        ({"metadata.a.b": "ü & c"}, [first]),
        ({"metadata[a.b]": "ü & c", "metadata.n": "2"}, []),
        ({"metadata.n": "3"}, []),
        ({"spaceId": "default", "status": "stopped", "metadata.n": "1"}, [first]),
        ({"name": second["name"]}, [second]),
        ({"name": "nobody"}, []),
        ({"status": "active"}, []),
    ):
        both = {"metadata.customerJobId": pair["customerJobId"], **query}
        assert (await recorder.get("/v1/runtimes", **both))["data"] == wanted, query
    both = {"metadata.customerJobId": pair["customerJobId"]}
    page = await recorder.get("/v1/runtimes", **both, limit=1)
    rest = await recorder.get("/v1/runtimes", **both, cursor=page["nextCursor"])
    assert page["data"] + rest["data"] == [second, first]


async def test_metadata_that_changed_is_found_as_it_is(recorder: Running) -> None:
    job = f"job_{new_id()}"
    made = await create(recorder, name=job, metadata={"job": job, "gone": 1})
    path = f"/v1/runtimes/{made['id']}"
    changed = await recorder.patch(path, {"metadata": {"job": f"{job}-2", "gone": None}})
    assert (await recorder.get("/v1/runtimes", **{"metadata.job": job}))["data"] == []
    assert (await recorder.get("/v1/runtimes", **{"metadata.job": f"{job}-2"}))["data"] == [changed]
    both = await recorder.get("/v1/runtimes", **{"metadata.job": f"{job}-2", "metadata.gone": "1"})
    assert both["data"] == []
    assert (await recorder.get("/v1/runtimes", name=job))["data"] == [changed]
    await recorder.delete(path)
    for query in ({"metadata.job": f"{job}-2"}, {"name": job}):
        assert (await recorder.get("/v1/runtimes", **query))["data"] == []


@pytest.mark.parametrize(
    ("body", "profile"),
    [
        ({}, None),
        ({"profile": "shop"}, "shop"),
        ({"profile": "shop", "config": {"profile": True}}, "shop"),
        ({"config": {"profile": False}}, None),
    ],
)
async def test_profile(
    recorder: Running, worker: FakeWorker, body: dict[str, Any], profile: str | None
) -> None:
    made = await create(recorder, **body)
    assert made["profile"] == profile
    await recorder.post(f"/v1/runtimes/{made['id']}/start")
    assert worker.starts[-1].profile == profile


async def test_profile_of_its_own(recorder: Running, worker: FakeWorker) -> None:
    made = await create(recorder, config={"profile": True})
    assert made["profile"] == made["id"]
    path = f"/v1/runtimes/{made['id']}"
    assert (await recorder.patch(path, {"config": {"profile": None}}))["profile"] is None
    assert (await recorder.patch(path, {"config": {"profile": True}}))["profile"] == made["id"]
    await recorder.post(f"{path}/start")
    assert worker.starts[-1].profile == made["id"]


async def test_profile_that_is_named_and_not_kept(recorder: Running) -> None:
    body = {"profile": "shop", "config": {"profile": False}}
    problem = await recorder.post("/v1/runtimes", body, status=400)
    assert problem["details"]["path"] == "$.config.profile"


async def test_pages_hold_every_runtime_once_while_more_are_made(recorder: Running) -> None:
    space = await recorder.post("/v1/spaces", {"name": "pages"}, status=201)
    made = [(await create(recorder, spaceId=space["id"]))["id"] for _ in range(5)]
    seen: list[object] = []
    wanted = {"spaceId": space["id"], "limit": 2}
    while True:
        page = await recorder.get("/v1/runtimes", **wanted)
        seen += [each["id"] for each in page["data"]]
        await create(recorder, spaceId=space["id"])
        if page["nextCursor"] is None:
            break
        wanted["cursor"] = page["nextCursor"]
    assert seen == made[::-1]


@pytest.mark.parametrize("code", [RuntimeHostUnavailable.code, SPOOL_FULL.code])
async def test_refused_by_the_only_worker(recorder: Running, worker: FakeWorker, code: str) -> None:
    """Another one would have been asked; there is none."""
    runtime = await create(recorder)
    worker.refuse_with = Refused(code=code, message="full")
    try:
        answer = await recorder.http.post(f"/v1/runtimes/{runtime['id']}/start")
    finally:
        worker.refuse_with = None
    assert answer.status_code == 503
    assert answer.json()["code"] == "runtime.host_unavailable"
    assert answer.json()["hint"]
    assert not answer.json().get("details")


async def test_browser_that_does_not_launch(recorder: Running, worker: FakeWorker) -> None:
    runtime = await create(recorder)
    worker.refuse_with = Refused(code=LAUNCH_FAILED.code, message="no Chromium here")
    try:
        answer = await recorder.http.post(f"/v1/runtimes/{runtime['id']}/start")
    finally:
        worker.refuse_with = None
    assert answer.status_code == 503
    assert answer.json()["details"] == {"code": "browser.launch_failed"}
    assert answer.json()["error"] == "no Chromium here"


async def test_two_starts_at_once_are_one_run(recorder: Running, worker: FakeWorker) -> None:
    runtime = await create(recorder)
    path = f"/v1/runtimes/{runtime['id']}/start"
    answers = await asyncio.gather(*(recorder.http.post(path) for _ in range(4)))
    good = [answer.json() for answer in answers if answer.status_code == 200]
    assert len({answer["runId"] for answer in good}) == 1
    assert len(good) == 4


async def claimed(worker: FakeWorker, runtime: dict[str, object]) -> FakeRun:
    """A run of the runtime that is only launching."""
    run = FakeRun(worker.worker_id, str(runtime["spaceId"]), str(runtime["id"]))
    claim = Claim(
        worker_id=run.worker_id, run_id=run.run_id, space_id=run.space_id, gateway_url=GATEWAY
    )
    claims = await worker._js.key_value(subjects.CLAIMS_BUCKET)
    await claims.create(run.runtime_id, codec.encode(claim))
    await worker.publish(run, run.launching())
    return run


async def test_start_during_a_launch_waits_until_the_run_is_ready(
    recorder: Running, worker: FakeWorker
) -> None:
    run = await claimed(worker, await create(recorder))
    starting = asyncio.create_task(recorder.post(f"/v1/runtimes/{run.runtime_id}/start"))
    await asyncio.wait([starting], timeout=0.5)
    assert not starting.done()
    await worker.publish(run, run.ready())
    started = await starting
    assert (started["runId"], started["started"]) == (run.run_id, False)


async def test_start_during_a_launch_that_fails(recorder: Running, worker: FakeWorker) -> None:
    run = await claimed(worker, await create(recorder))
    path = f"/v1/runtimes/{run.runtime_id}/start"
    starting = asyncio.create_task(recorder.http.post(path))
    await asyncio.wait([starting], timeout=0.2)
    await worker.end(run, LAUNCH_FAILED)
    answer = await starting
    assert answer.status_code == 503
    assert answer.json()["details"] == {"code": "browser.launch_failed"}


async def test_start_during_a_launch_that_takes_too_long(
    recorder: Running, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "START_SECONDS", 0.2)
    run = await claimed(worker, await create(recorder))
    answer = await recorder.http.post(f"/v1/runtimes/{run.runtime_id}/start")
    assert (answer.status_code, answer.json()["code"]) == (503, "runtime.host_unavailable")


async def test_change_that_the_tables_do_not_show(
    recorder: Running, worker: FakeWorker, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stop(request: StopRun) -> RunStopped:
        return RunStopped(run_id=request.run_id, position=900_000_000)

    async def start(request: StartRun) -> RunStarted:
        return RunStarted(run_id=new_id(), gateway_url=GATEWAY, position=900_000_000, started=True)

    monkeypatch.setattr(workers, "SHOWN_SECONDS", 0.1)
    monkeypatch.setattr(worker, "stop", stop)
    monkeypatch.setattr(worker, "start", start)
    idle = await create(recorder)
    for path in (f"{run.runtime_id}/stop", f"{idle['id']}/start"):
        answer = await recorder.http.post(f"/v1/runtimes/{path}")
        assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")
        assert "moment" in answer.json()["hint"]


async def test_create_that_cannot_start_names_the_runtime(
    recorder: Running, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Refused(code=LAUNCH_FAILED.code, message="no")
    monkeypatch.setattr(worker, "refuse_with", refusal)
    problem = await recorder.post("/v1/runtimes", {"start": True}, status=503)
    assert problem["details"]["code"] == LAUNCH_FAILED.code
    left = await recorder.get(f"/v1/runtimes/{problem['details']['runtimeId']}")
    assert left["status"] == "stopped"


async def test_whoami_has_exactly_these_fields(recorder: Running) -> None:
    whoami = await recorder.get("/v1/auth/whoami")
    assert set(whoami) == {
        "keyId",
        "email",
        "organizationId",
        "scope",
        "subaccountId",
        "plan",
        "defaultSpaceId",
        "effectiveScope",
    }
    assert whoami["effectiveScope"]["defaultSpaceId"] == DEFAULT_SPACE_ID


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/readyz?for=start", "/"])
async def test_open_to_everyone(recorder: Running, worker: FakeWorker, path: str) -> None:
    answer = await recorder.http.get(path, headers={"authorization": ""})
    assert answer.status_code == 200


async def test_readiness_tells_of_workers(recorder: Running, worker: FakeWorker) -> None:
    ready = await recorder.get("/readyz", **{"for": "start"})
    [found] = ready["checks"]["workers"]
    assert found["workerId"] == worker.worker_id
    assert found["sandbox"] is False
    assert found["sandboxNote"] == "there is no browser"


async def test_position_that_is_not_there_yet_is_waited_for(
    recorder: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "CATCH_UP_SECONDS", 0.5)
    began = time.monotonic()
    headers = {"x-runreel-min-position": "RUNS=900000000"}
    answer = await recorder.http.get("/v1/runs", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["x-runreel-lag"].startswith("RUNS=")
    assert time.monotonic() - began >= frame.CATCH_UP_SECONDS


async def test_position_is_told_and_taken_back(recorder: Running, run: FakeRun) -> None:
    told = (await recorder.http.get("/v1/runs")).headers["x-runreel-position"]
    answer = await recorder.http.get("/v1/runs", headers={"x-runreel-min-position": told})
    assert "x-runreel-lag" not in answer.headers


async def test_claim_that_cannot_be_read(recorder: Running, worker: FakeWorker) -> None:
    runtime = await create(recorder)
    claims = await worker._js.key_value(subjects.CLAIMS_BUCKET)
    await claims.create(str(runtime["id"]), b'{"workerId": 7}')
    for what in ("start", "stop"):
        answer = await recorder.http.post(f"/v1/runtimes/{runtime['id']}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")
        assert "claim" in answer.json()["error"]

"""Connections and targets of a runtime, with a worker that has no browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from recorder.queries import connections as queries
from schemas.ends import BROWSER_CRASHED
from schemas.events.connection import ConnectionCreated, ConnectionRevoked
from schemas.ids import FIRST_KEY_ID
from schemas.requests import CreateConnection, Done
from schemas.tokens import key_of_connection_token
from tests.support.recorder_running import SECRET, Running
from tests.support.recorder_spec import Spec, message
from tests.support.recorder_worker import GATEWAY, FakeRun, FakeWorker, new_id


def path_of(run: FakeRun, what: str = "connections") -> str:
    return f"/v1/runtimes/{run.runtime_id}/{what}"


async def create(recorder: Running, run: FakeRun, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = await recorder.post(path_of(run), body, status=201)
    return made


async def delete(recorder: Running, path: str) -> httpx.Response:
    return await recorder.http.delete(path)


async def test_made_listed_revoked(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    made = await create(recorder, run, protocol="cdp", ttlSeconds=60)
    url = made.pop("endpoint")["url"]
    *_, run_id, connection_id, token = url.split("/")
    assert url.startswith(f"{GATEWAY}/cdp/")
    assert (run_id, connection_id) == (run.run_id, made["id"])
    assert key_of_connection_token(SECRET, run_id, connection_id, token)
    assert worker.asked[-1] == CreateConnection(
        run_id=run.run_id, ttl_seconds=60, key_id=FIRST_KEY_ID
    )
    assert made == {
        "id": made["id"],
        "runtimeId": run.runtime_id,
        "runId": run.run_id,
        "protocol": "cdp",
        "status": "active",
        "createdAt": made["createdAt"],
        "expiresAt": made["expiresAt"],
        "revokedAt": None,
    }
    assert await recorder.get(f"{path_of(run)}/{made['id']}") == made
    assert (await recorder.get(path_of(run)))["data"] == [made]

    revoked = await delete(recorder, f"{path_of(run)}/{made['id']}")
    assert revoked.json() == {**made, "status": "revoked", "revokedAt": revoked.json()["revokedAt"]}
    assert revoked.json()["revokedAt"]
    asked = len(worker.asked)
    assert (await delete(recorder, f"{path_of(run)}/{made['id']}")).json() == revoked.json()
    assert len(worker.asked) == asked


async def test_an_hour_unless_said(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    await create(recorder, run)
    assert worker.asked[-1] == CreateConnection(
        run_id=run.run_id, ttl_seconds=3600, key_id=FIRST_KEY_ID
    )


@pytest.mark.parametrize(
    "body", [{"protocol": "vnc"}, {"ttlSeconds": 0}, {"ttlSeconds": 86_401}, {"ttlSeconds": "x"}]
)
async def test_what_cannot_be_made(
    recorder: Running, worker: FakeWorker, run: FakeRun, body: dict[str, object]
) -> None:
    problem = await recorder.post(path_of(run), body, status=400)
    assert problem["code"] == "request.invalid"
    assert problem["details"]["path"].startswith("$.")


async def test_pages(recorder: Running, run: FakeRun) -> None:
    made = [(await create(recorder, run))["id"] for _ in range(3)]
    first = await recorder.get(path_of(run), limit=2)
    second = await recorder.get(path_of(run), limit=2, cursor=first["nextCursor"])
    assert [each["id"] for each in first["data"] + second["data"]] == made[::-1]
    assert second["nextCursor"] is None


async def test_ends_with_its_run(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    made = await create(recorder, run)
    await worker.end(run, BROWSER_CRASHED)
    await recorder.post(f"/v1/runs/{run.run_id}/wait")
    assert (await recorder.get(f"{path_of(run)}/{made['id']}"))["status"] == "ended"
    answer = await delete(recorder, f"{path_of(run)}/{made['id']}")
    assert (answer.status_code, answer.json()["status"]) == (200, "ended")
    problem = await recorder.post(path_of(run), {}, status=409)
    assert problem["code"] == "runtime.not_active"


async def test_of_another_runtime_or_of_none(recorder: Running, run: FakeRun) -> None:
    made = await create(recorder, run)
    other = (await recorder.post("/v1/runtimes", {}, status=201))["id"]
    for path, code in (
        (f"/v1/runtimes/{other}/connections/{made['id']}", "connection.not_found"),
        (f"{path_of(run)}/{new_id()}", "connection.not_found"),
        (f"/v1/runtimes/{new_id()}/connections/{made['id']}", "runtime.not_found"),
    ):
        for method in ("GET", "DELETE"):
            answer = await recorder.http.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert (await recorder.get(f"/v1/runtimes/{other}/connections"))["data"] == []


# what makes the table

CREATED = ConnectionCreated(protocol="cdp", expires_at="2026-01-01T00:01:00.000Z")
REVOKED = ConnectionRevoked()


@pytest.mark.parametrize("times", [1, 2])
async def test_rows(tmp_path: Path, times: int) -> None:
    run, other = (FakeRun("w1", "s", "rt", name) for name in ("run", "other"))
    at: dict[str, Any] = {"time": "2026-01-01T00:00:00.000Z"}
    events = [
        run.event(CREATED, connectionid="c1", **at),
        run.event(CREATED, **at),  # of no connection
        run.event(REVOKED, connectionid="c1", time="2026-01-01T00:00:30.000Z"),
        run.event(REVOKED, connectionid="c1", time="2026-01-01T00:00:40.000Z"),
        other.event(CREATED, connectionid="c2", **at),
        other.event(CREATED, connectionid="c1", **at),  # an id that is taken
        run.event(REVOKED, connectionid="c2", **at),  # another run's
    ]
    spec = Spec(tmp_path, []).when([message(at, each) for at, each in enumerate(events, 1)], times)
    rows = await spec.then("SELECT run_id, id, position, revoked_at FROM connections")
    assert sorted(map(tuple, (row.values() for row in rows))) == [
        ("other", "c2", 5, None),
        ("run", "c1", 1, "2026-01-01T00:00:30.000Z"),
    ]


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({}, "active"),
        ({"expires_at": "2026-01-01"}, "expired"),
        ({"run_ended": 1, "finished_at": "2026-02-01"}, "ended"),
        ({"run_ended": 1, "finished_at": None}, "ended"),
        ({"run_ended": 1, "finished_at": "2026-02-01", "expires_at": "2026-01-01"}, "expired"),
        ({"revoked_at": "2026-01-02", "expires_at": "2026-01-01"}, "revoked"),
    ],
)
def test_status(row: dict[str, Any], status: str) -> None:
    fresh = {"revoked_at": None, "expires_at": "9999", "finished_at": None, "run_ended": 0}
    given: Any = fresh | row
    assert queries._status(given) == status


# targets


async def test_targets(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    path = path_of(run, "targets")
    assert await recorder.get(path) == {"data": [], "nextCursor": None}
    first = await recorder.post(path, {"uri": "http://a.example/"}, status=201)
    assert first == {
        "id": first["id"],
        "runtimeId": run.runtime_id,
        "type": "browser_page",
        "label": "",
        "uri": "http://a.example/",
        "active": True,
    }
    second = await recorder.post(path, {}, status=201)
    assert second["uri"] == "about:blank"
    listed = (await recorder.get(path))["data"]
    assert [(each["id"], each["active"]) for each in listed] == [
        (first["id"], False),
        (second["id"], True),
    ]
    assert await recorder.get(f"{path}/{first['id']}") == listed[0]
    assert (await recorder.post(f"{path}/{first['id']}/activate"))["active"] is True
    closed = await delete(recorder, f"{path}/{first['id']}")
    assert closed.json() == {"id": first["id"], "deleted": True}
    assert [each["id"] for each in (await recorder.get(path))["data"]] == [second["id"]]


async def test_targets_that_are_not_there(recorder: Running, run: FakeRun) -> None:
    path = path_of(run, "targets")
    for method, where in (("GET", ""), ("POST", "/activate"), ("DELETE", "")):
        answer = await recorder.http.request(method, f"{path}/{new_id()}{where}")
        assert (answer.status_code, answer.json()["code"]) == (404, "target.not_found")


async def test_targets_of_a_runtime_that_is_not_active(recorder: Running) -> None:
    runtime = await recorder.post("/v1/runtimes", {}, status=201)
    path = f"/v1/runtimes/{runtime['id']}/targets"
    for method, where in (("GET", ""), ("POST", ""), ("GET", "/x"), ("DELETE", "/x")):
        answer = await recorder.http.request(method, f"{path}{where}")
        assert (answer.status_code, answer.json()["code"]) == (409, "runtime.not_active")


@pytest.mark.parametrize("body", [{"uri": ""}, {"uri": "a", "url": "b"}, {"uri": 7}])
async def test_target_that_cannot_be_opened(
    recorder: Running, run: FakeRun, body: dict[str, object]
) -> None:
    problem = await recorder.post(path_of(run, "targets"), body, status=400)
    assert problem["code"] == "request.invalid"


async def test_answer_that_belongs_to_something_else(
    recorder: Running, worker: FakeWorker, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def strange(request: object) -> Done:
        return Done()

    monkeypatch.setattr(worker, "about_run", strange)
    for what in ("connections", "targets"):
        problem = await recorder.post(path_of(run, what), {}, status=503)
        assert problem["code"] == "runtime.host_unavailable"


async def test_worker_that_does_not_answer(
    recorder: Running, worker: FakeWorker, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recorder import fleet

    async def never(request: object) -> Done:
        raise RuntimeError("dead")

    monkeypatch.setattr(fleet, "RUN_REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(worker, "about_run", never)
    problem = await recorder.post(path_of(run), {}, status=503)
    assert "does not answer" in problem["error"]

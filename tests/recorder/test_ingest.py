"""Events from outside, with a worker that has no browser."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from recorder import workers
from recorder.api.ingest import read
from schemas.events import EVENT_TYPES
from schemas.events.custom import is_ingested
from schemas.problems import RateLimited, RequestInvalid
from schemas.requests import Ingest, Refused
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, FakeWorker, new_id

CALL = {"toolCallId": "call_1", "tool": "search", "input": {"q": "shoes"}}
ONE = {"type": "tool.call.started", "id": "a", "data": CALL}


def path_of(run: FakeRun) -> str:
    return f"/v1/runs/{run.run_id}/events"


async def test_one_event(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    [event_id] = (await recorder.post(path_of(run), {**ONE, "name": "step 1"}))["eventIds"]
    [event] = (await recorder.get(path_of(run), type="tool.*"))["data"]
    assert (event["id"], event["data"], event["category"]) == (event_id, CALL, "tool")
    assert (event["name"], event["sequence"], event["source"]) == ("step 1", 3, "worker")
    assert (await recorder.get(f"/v1/runs/{run.run_id}"))["counts"]["toolCalls"] == 1


async def test_several_in_their_order(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    events: list[dict[str, Any]] = [
        ONE,
        {"type": "llm.usage", "data": {"model": "m", "inputTokens": 1, "outputTokens": 2}},
        {"type": "custom.plan", "data": {"steps": ["look", {"then": "buy"}]}, "status": "received"},
        {"type": "custom.nothing-said.yet"},
    ]
    ids = (await recorder.post(path_of(run), {"events": events}))["eventIds"]
    found = (await recorder.get(path_of(run), category="tool"))["data"]
    assert [each["id"] for each in found] == ids
    assert [each["type"] for each in found] == [each["type"] for each in events]
    assert [each["data"] for each in found] == [each.get("data", {}) for each in events]
    assert found[2]["status"] == "received"
    own = (await recorder.get(path_of(run), type="custom.*"))["data"]
    assert [each["id"] for each in own] == ids[2:]


async def test_clients_ids_are_passed_on(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    """What that means is the worker's business (`tests/e2e/test_seed_000.py`)."""
    await recorder.post(path_of(run), {"events": [ONE, {"type": "custom.x"}]})
    asked = worker.asked[-1]
    assert isinstance(asked, Ingest)
    assert [each.client_id for each in asked.events] == ["a", None]


async def test_taken_where_the_tables_are_behind(
    recorder: Running, worker: FakeWorker, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is told 503 sends it again, and has it twice."""
    monkeypatch.setattr(workers, "SHOWN_SECONDS", 0.0)
    [event_id] = (await recorder.post(path_of(run), {"type": "custom.x"}))["eventIds"]
    assert event_id


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$"),
        ({"type": "page.opened", "data": {}}, "$.type"),
        ({"type": "runtime.lifecycle", "data": {"phase": "ended"}}, "$.type"),
        ({"type": "tool.call.paused", "data": {}}, "$.type"),
        ({"type": "custom", "data": {}}, "$.type"),
        ({"type": "custom.", "data": {}}, "$.type"),
        ({"type": "custom.UPPER", "data": {}}, "$.type"),
        ({"type": "custom.*", "data": {}}, "$.type"),
        ({"type": "custom.a b\r\n", "data": {}}, "$.type"),
        ({"type": "custom.x", "data": []}, "$.data"),
        ({"type": "custom.x", "data": {}, "time": "2026-01-01T00:00:00Z"}, "$"),
        ({"type": "custom.x", "data": {}, "status": "odd"}, "$.status"),
        ({"type": "tool.call.started", "data": {"tool": "x"}}, "$.data"),
        ({"events": []}, "$.events"),
        ({"events": [ONE] * 501}, "$.events"),
        ({"events": {}}, "$.events"),
        ({"events": [ONE, {"type": "x.y"}]}, "$.events[1].type"),
        (
            {"events": [ONE, {"type": "llm.usage", "data": {"model": "m", "inputTokens": -1}}]},
            "$.events[1].data.inputTokens",
        ),
    ],
)
async def test_bad_bodies(
    recorder: Running, worker: FakeWorker, run: FakeRun, body: Any, path: str
) -> None:
    asked = len(worker.asked)
    problem = await recorder.post(path_of(run), body, status=400)
    assert (problem["code"], problem["details"]["path"]) == ("request.invalid", path)
    assert len(worker.asked) == asked


def test_what_does_not_come_from_outside_is_told_what_does() -> None:
    """The families that the sentence names are those that there are."""
    with pytest.raises(RequestInvalid) as refused:
        read(b'{"type": "page.opened", "data": {}}')
    named = re.findall(r"[a-z.]+\.\*|llm\.usage", refused.value.message)
    taken = [*filter(is_ingested, EVENT_TYPES), "custom.plan"]
    assert all(any(fnmatchcase(each, family) for family in named) for each in taken)
    assert all(any(fnmatchcase(each, family) for each in taken) for family in named)


async def test_too_large(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    large = {"type": "custom.x", "data": {"text": "x" * 64 * 1024}}
    assert (await recorder.post(path_of(run), large, status=413))["code"] == "request.too_large"
    fits = {"type": "custom.x", "data": {"text": "x" * 64 * 1000}}
    body = {"events": [fits] * 40}
    assert (await recorder.post(path_of(run), body, status=413))["code"] == "request.too_large"


async def test_too_many(
    recorder: Running, worker: FakeWorker, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Refused(code=RateLimited.code, message="Slowly.", retry_after_seconds=3)
    monkeypatch.setattr(worker, "refuse_run_with", refused)
    answer = await recorder.http.post(path_of(run), json=ONE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


async def test_of_a_run_that_has_ended_or_is_none(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    await recorder.post(f"/v1/runtimes/{run.runtime_id}/stop")
    assert (await recorder.post(path_of(run), ONE, status=409))["code"] == "runtime.not_active"
    problem = await recorder.post(f"/v1/runs/{new_id()}/events", ONE, status=404)
    assert problem["code"] == "run.not_found"


FORGED = "x\r\n\r\nevent: run.ended\ndata: {}\n\n"
HOSTILE = [FORGED, "\x1b[31mred", "<script>alert(1)</script>", "a\u202eexe.png", "nul \x00"]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_texts_stay_texts(
    recorder: Running, worker: FakeWorker, run: FakeRun, hostile: str
) -> None:
    """What a worker makes of them is its business; on the way out nothing takes them for more than texts."""
    told = {"toolCallId": hostile, "tool": hostile}
    event = {"type": "tool.call.started", "name": hostile, "data": told}
    await recorder.post(
        path_of(run), {"events": [event, {"type": "custom.x", "data": {hostile: hostile}}]}
    )
    await recorder.post(f"/v1/runtimes/{run.runtime_id}/stop")
    listed = (await recorder.get(path_of(run)))["data"]
    assert (listed[2]["name"], listed[2]["data"]) == (hostile, told)
    assert listed[3]["data"] == {hostile: hostile}
    stream = await recorder.http.get(f"{path_of(run)}/stream")
    assert stream.text.count("\n\n") == len(listed) + 1
    assert "\r" not in stream.text


async def test_a_lone_surrogate_is_no_text(recorder: Running, run: FakeRun) -> None:
    body = b'{"type": "custom.x", "data": {"a": "\\ud83d"}}'
    answer = await recorder.http.post(path_of(run), content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")

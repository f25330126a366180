"""Hosted actions as one asks for them, with a worker that has no browser."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from recorder import workers
from recorder.api.action_examples import EXAMPLES
from recorder.api.actions import KNOWN, read
from schemas import codec
from schemas.actions import Navigate, name_of
from schemas.artifacts import object_path
from schemas.ends import BROWSER_CRASHED
from schemas.events.artifact import ArtifactCreated
from schemas.events.command import CommandStarted
from schemas.problems import OutputSchemaInvalid, Problem, RateLimited, RuntimeNotExecutable
from schemas.requests import CancelInvocation, Invoke, Refused, StoredFile
from tests.support.recorder_commands import done, failed
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, FakeWorker, new_id

GO = {"action": "navigate", "url": "https://example.com/"}


def path_of(run: FakeRun, *more: str) -> str:
    return "/".join((f"/v1/runtimes/{run.runtime_id}/invocations", *more))


async def ask(recorder: Running, run: FakeRun, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = await recorder.post(path_of(run), body or GO, status=202)
    return made


async def test_asked_waited_for_and_read(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    made = await ask(recorder, run)
    assert worker.asked[-1] == Invoke(
        run_id=run.run_id, invocation_id=made["id"], invocation=Navigate(url=GO["url"])
    )
    assert made == {
        "id": made["id"],
        "runId": run.run_id,
        "runtimeId": run.runtime_id,
        "action": "navigate",
        "status": "queued",
        "artifactIds": [],
        "error": None,
        "createdAt": made["createdAt"],
        "startedAt": None,
        "finishedAt": None,
        "durationSeconds": None,
        "durationMs": None,
    }
    waiting = asyncio.create_task(recorder.post(path_of(run, made["id"], "wait"), {}))
    await worker.publish(run, *done(run, made["id"], {"url": "https://example.com/"}))
    waited = await waiting
    assert (waited["waitStatus"], waited["status"]) == ("completed", "succeeded")
    assert waited["output"] == {"url": "https://example.com/"}
    assert waited["durationSeconds"] == waited["durationMs"] / 1000
    del waited["waitStatus"]
    of_run = f"/v1/runs/{run.run_id}/invocations"
    assert await recorder.get(f"{of_run}/{made['id']}") == waited
    assert (await recorder.get(of_run))["data"] == [waited]


async def test_waiting_in_vain(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    made = await ask(recorder, run)
    for body in ({"timeoutMs": 0}, {"timeoutSeconds": 0.05}):
        waited = await recorder.post(path_of(run, made["id"], "wait"), body)
        assert (waited["waitStatus"], waited["status"]) == ("timeout", "queued")


async def test_an_error_is_told(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    made = await ask(recorder, run)
    await worker.publish(run, failed(run, made["id"], outcome="timed_out", code="a.b"))
    waited = await recorder.post(path_of(run, made["id"], "wait"))
    assert (waited["waitStatus"], waited["status"]) == ("completed", "timed_out")
    assert waited["error"] == {"code": "a.b", "message": "Nothing matches.", "details": None}
    assert "output" not in waited


async def test_a_run_that_ends_ends_its_invocations(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    made = await ask(recorder, run)
    await worker.publish(run, run.event(CommandStarted(command_id=made["id"])))
    waiting = asyncio.create_task(recorder.post(path_of(run, made["id"], "wait"), {}))
    await worker.end(run, BROWSER_CRASHED)
    waited = await waiting
    assert (waited["status"], waited["error"]["code"]) == ("failed", "browser.crashed")
    cancelled = await recorder.post(path_of(run, made["id"], "cancel"))
    assert cancelled["status"] == "failed"
    problem = await recorder.post(path_of(run), GO, status=409)
    assert problem["code"] == "runtime.not_active"


async def test_cancelled(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    made = await ask(recorder, run)
    found = await recorder.post(path_of(run, made["id"], "cancel"))
    assert worker.asked[-1] == CancelInvocation(run_id=run.run_id, invocation_id=made["id"])
    assert (found["status"], found["error"]["code"]) == ("cancelled", "invocation.cancelled")
    asked = len(worker.asked)
    assert await recorder.post(path_of(run, made["id"], "cancel")) == found
    assert len(worker.asked) == asked


async def test_filters(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    first, second = await ask(recorder, run), await ask(recorder, run, action="reload")
    await recorder.post(path_of(run, first["id"], "cancel"))
    path = f"/v1/runs/{run.run_id}/invocations"
    for query, wanted in (
        ({"status": "queued"}, [second]),
        ({"status": ["queued", "cancelled"]}, [first, second]),
        ({"status": "dispatching"}, []),
        ({"action": "reload"}, [second]),
        ({"action": "reload,navigate", "order": "desc"}, [second, first]),
    ):
        found = (await recorder.get(path, **query))["data"]
        assert [each["id"] for each in found] == [each["id"] for each in wanted]
    answer = await recorder.http.get(path, params={"status": "done"})
    assert answer.json()["details"]["path"] == "$.status"


# the same request again


async def test_the_same_key_asks_once(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    key = {"idempotency-key": new_id()}
    first = await recorder.http.post(path_of(run), json=GO, headers=key)
    made = first.json()
    await worker.publish(run, *done(run, made["id"]))
    await recorder.post(path_of(run, made["id"], "wait"))
    again = await recorder.http.post(path_of(run), json=GO, headers=key)
    assert (again.status_code, again.json()) == (202, made)
    assert len((await recorder.get(f"/v1/runs/{run.run_id}/invocations"))["data"]) == 1
    other = {**GO, "url": "https://example.org/"}
    refused = await recorder.http.post(path_of(run), json=other, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency.conflict")


async def test_asked_where_the_tables_are_behind(
    recorder: Running, worker: FakeWorker, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is told 503 asks again, and has it done twice."""
    monkeypatch.setattr(workers, "SHOWN_SECONDS", 0.0)
    made = await ask(recorder, run)
    assert (made["runId"], made["status"]) == (run.run_id, "queued")
    assert (await recorder.post(path_of(run, made["id"], "wait"), {"timeoutMs": 0}))["id"]


# what is refused


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$.action"),
        ({"action": "jump"}, "$.action"),
        ({"action": 7}, "$.action"),
        ({"action": "batch", "actions": [{"action": "batch", "actions": []}]}, "$.actions[0]"),
        ({"action": "navigate"}, "$"),
        ({**GO, "uri": "x"}, "$"),
        ({**GO, "timeoutMs": 0}, "$.timeoutMs"),
        ({**GO, "timeoutSeconds": 601}, "$.timeoutSeconds"),
        ({"action": "click", "locator": {"colour": "red"}}, "$.locator"),
        ({"action": "extract", "instruction": "all prices"}, "$.outputSchema"),
        ({"action": "extract", "outputSchema": {"type": "object"}}, "$.outputSchema"),
        ([GO], "$"),
    ],
)
async def test_bad_bodies(
    recorder: Running, worker: FakeWorker, run: FakeRun, body: Any, path: str
) -> None:
    asked = len(worker.asked)
    problem = await recorder.post(path_of(run), body, status=400)
    assert problem["details"]["path"].startswith(path)
    assert len(worker.asked) == asked


async def test_an_unknown_action_is_told_which_there_are(recorder: Running, run: FakeRun) -> None:
    problem = await recorder.post(path_of(run), {"action": "jump"}, status=400)
    assert problem["details"]["known"] == list(KNOWN)
    assert "wait_for" in problem["error"]


@pytest.mark.parametrize("action", ["act", "observe", "stagehandAgent", "browserUse"])
async def test_what_needs_a_model(recorder: Running, run: FakeRun, action: str) -> None:
    problem = await recorder.post(
        path_of(run), {"action": action, "instruction": "buy it"}, status=400
    )
    assert problem["code"] == "request.invalid"
    assert "No model is configured" in problem["hint"]


async def test_without_a_runtime_or_a_run(recorder: Running, worker: FakeWorker) -> None:
    stopped = (await recorder.post("/v1/runtimes", {}, status=201))["id"]
    for runtime_id, status, code in (
        (stopped, 409, "runtime.not_active"),
        (new_id(), 404, "runtime.not_found"),
    ):
        problem = await recorder.post(f"/v1/runtimes/{runtime_id}/invocations", GO, status=status)
        assert problem["code"] == code


async def test_of_another_runtime_or_of_none(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    made = await ask(recorder, run)
    other = (await recorder.post("/v1/runtimes", {}, status=201))["id"]
    for runtime_id, invocation_id, code in (
        (other, made["id"], "invocation.not_found"),
        (run.runtime_id, new_id(), "invocation.not_found"),
        (new_id(), made["id"], "runtime.not_found"),
    ):
        for verb in ("wait", "cancel"):
            path = f"/v1/runtimes/{runtime_id}/invocations/{invocation_id}/{verb}"
            assert (await recorder.post(path, status=404))["code"] == code


@pytest.mark.parametrize("kind", [RateLimited, RuntimeNotExecutable, OutputSchemaInvalid])
async def test_what_the_worker_refuses(
    recorder: Running,
    worker: FakeWorker,
    run: FakeRun,
    kind: type[Problem],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "refuse_run_with", Refused(code=kind.code, message="No."))
    answer = await recorder.http.post(path_of(run), json=GO)
    assert (answer.status_code, answer.json()["error"]) == (kind.status, "No.")
    assert ("retry-after" in answer.headers) == (kind is RateLimited)


async def test_more_than_nats_carries(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    file = {"name": "a", "contentBase64": "A" * 400 * 1024}
    body = {"action": "upload", "locator": "input", "files": [file] * 20}
    problem = await recorder.post(path_of(run), body, status=413)
    assert problem["code"] == "request.too_large"


# stored files


def produced(run: FakeRun) -> ArtifactCreated:
    return ArtifactCreated(
        artifact_id=new_id(),
        kind="download",
        name="cv.pdf",
        path="downloads/cv.pdf",
        content_type="application/pdf",
        size_bytes=7,
        sha256="0" * 64,
    )


async def test_a_stored_file_is_uploaded(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    file = produced(run)
    await worker.publish(run, run.event(file))
    while not (await recorder.get(f"/v1/runs/{run.run_id}"))["counts"]["files"]:
        pass
    one = {"action": "upload", "locator": "input", "files": [{"fileId": file.artifact_id}] * 2}
    await ask(recorder, run, action="batch", actions=[one, one])
    asked = worker.asked[-1]
    assert isinstance(asked, Invoke)
    assert asked.files == [
        StoredFile(
            file_id=file.artifact_id,
            object_path=object_path(run.space_id, file.artifact_id),
            name="cv.pdf",
            content_type="application/pdf",
            size_bytes=7,
        )
    ]
    space = (await recorder.post("/v1/spaces", {"name": "elsewhere"}, status=201))["id"]
    other = await recorder.post("/v1/runtimes", {"spaceId": space, "start": True}, status=201)
    problem = await recorder.post(f"/v1/runtimes/{other['id']}/invocations", one, status=404)
    assert problem["code"] == "file.not_found"


async def test_a_file_that_is_none(recorder: Running, run: FakeRun) -> None:
    body = {"action": "upload", "locator": "input", "files": [{"fileId": new_id()}]}
    assert (await recorder.post(path_of(run), body, status=404))["code"] == "file.not_found"


# how it is described


def test_every_action_has_an_example() -> None:
    assert tuple(EXAMPLES) == KNOWN
    assert [name_of(read(codec.encode(body))) for body in EXAMPLES.values()] == list(KNOWN)


async def test_examples_are_described(recorder: Running) -> None:
    document = await recorder.get("/openapi.json")
    body = document["paths"]["/v1/runtimes/{runtimeId}/invocations"]["post"]["requestBody"]
    [content] = body["content"].values()
    assert body["required"]
    assert {name: each["value"] for name, each in content["examples"].items()} == EXAMPLES

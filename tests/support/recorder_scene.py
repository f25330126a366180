"""One of each thing that a path can name, all in one space; and keys for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx

from schemas.times import rfc3339
from tests.support.eventually import eventually
from tests.support.recorder_artifacts import make
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, FakeWorker

EVERYTHING_IN_A_SPACE = ("read", "control", "ingest")


@dataclass(frozen=True)
class Scene:
    """`ids` by the names that paths have for them. `run` is active."""

    space_id: str
    run: FakeRun
    ids: dict[str, str]


async def make_scene(recorder: Running, worker: FakeWorker, space_id: str) -> Scene:
    """An active run with a target, a connection, an invocation and a file."""
    made = await recorder.post("/v1/runtimes", {"spaceId": space_id, "start": True}, status=201)
    of_runtime = f"/v1/runtimes/{made['id']}"
    run = worker.runs[made["activeRunId"]]
    target = await recorder.post(f"{of_runtime}/targets", {}, status=201)
    connection = await recorder.post(f"{of_runtime}/connections", {"protocol": "cdp"}, status=201)
    asked = {"action": "reload"}
    invocation = await recorder.post(f"{of_runtime}/invocations", asked, status=202)
    artifact = await make(recorder, worker, run, b"content")
    return Scene(
        space_id,
        run,
        {
            "spaceId": space_id,
            "runtimeId": run.runtime_id,
            "runId": run.run_id,
            "targetId": target["id"],
            "connectionId": connection["id"],
            "invocationId": invocation["id"],
            "commandId": invocation["id"],
            "artifactId": artifact.artifact_id,
            "fileId": artifact.artifact_id,
        },
    )


async def make_space(recorder: Running) -> str:
    """A new space; its id."""
    return str((await recorder.post("/v1/spaces", {"name": "a space"}, status=201))["id"])


async def make_key(recorder: Running, *scopes: str, **others: Any) -> dict[str, Any]:
    """A new key, as the API tells of it once: with its `secret`."""
    body = {"name": "a key", "scopes": list(scopes), **others}
    made: dict[str, Any] = await recorder.post("/v1/api-keys", body, status=201)
    return made


async def make_revoked_key(recorder: Running, *scopes: str, **others: Any) -> dict[str, Any]:
    """A key that was revoked."""
    made = await make_key(recorder, *scopes, **others)
    await recorder.delete(f"/v1/api-keys/{made['id']}")
    return made


async def make_expired_key(recorder: Running, *scopes: str, **others: Any) -> dict[str, Any]:
    """A key that has opened something, and does not any more."""
    soon = rfc3339(time.time_ns() + 5_000_000_000)
    made = await make_key(recorder, *scopes, expiresAt=soon, **others)

    async def has_expired() -> bool:
        return (await whoami(recorder, made)).status_code == 401

    assert not await has_expired()
    await eventually(has_expired)
    return made


async def whoami(recorder: Running, key: dict[str, Any]) -> httpx.Response:
    """What a key is told about itself."""
    return await recorder.http.get("/v1/auth/whoami", headers=bearer(key))


def bearer(key: dict[str, Any]) -> dict[str, str]:
    """The header that brings it."""
    return {"authorization": f"Bearer {key['secret']}"}

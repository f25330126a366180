"""Every route with every kind of key: the routes are read from OpenAPI, so that none is forgotten.

Who may what stands here once more, by hand: a new route fails until somebody has said who may ask it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest

from recorder.api.application import OPERATIONS
from recorder.api.guard import unguarded
from recorder.api.openapi import document
from tests.support.recorder_running import KEY, Running
from tests.support.recorder_scene import (
    EVERYTHING_IN_A_SPACE,
    Scene,
    bearer,
    make_expired_key,
    make_key,
    make_revoked_key,
    make_scene,
    make_space,
    whoami,
)
from tests.support.recorder_worker import FakeWorker

UNKNOWN = "01930000-0000-7000-8000-000000000000"
Json = dict[str, Any]

MAY_ASK: Mapping[str, str] = {
    "healthz": "anybody",
    "readyz": "anybody",
    "auth-whoami": "any key",
    "api-keys-list": "ops",
    "api-keys-create": "ops",
    "api-keys-get": "ops",
    "api-keys-rotate": "ops",
    "api-keys-revoke": "ops",
    "spaces-create": "ops",
    "spaces-update": "ops",
    "spaces-delete": "ops",
    "spaces-list": "read",
    "spaces-get": "read",
    "runtimes-list": "read",
    "runtimes-get": "read",
    "runtimes-create": "control",
    "runtimes-update": "control",
    "runtimes-delete": "control",
    "runtimes-start": "control",
    "runtimes-stop": "control",
    "runtimes-runs-list": "read",
    "v-2-runtimes-runs-list": "read",
    "runtimes-connections-list": "read",
    "runtimes-connections-get": "read",
    "runtimes-connections-create": "control",
    "runtimes-connections-revoke": "control",
    "runtimes-targets-list": "read",
    "runtimes-targets-get": "read",
    "runtimes-targets-create": "control",
    "runtimes-targets-activate": "control",
    "runtimes-targets-delete": "control",
    "runtimes-invocations-create": "control",
    "runtimes-invocations-wait": "read",
    "runtimes-invocations-cancel": "control",
    "runs-list": "read",
    "runs-get": "read",
    "runs-wait": "read",
    "runs-usage": "read",
    "runs-events-list": "read",
    "runs-events-stream": "read",
    "runs-events-wait": "read",
    "runs-events-ingest": "ingest",
    "runs-activity-list": "read",
    "runs-activity-stream": "read",
    "runs-commands-list": "read",
    "runs-commands-get": "read",
    "runs-artifacts-list": "read",
    "runs-files-list": "read",
    "runs-invocations-list": "read",
    "runs-invocations-get": "read",
    "artifacts-get": "read",
    "artifacts-content": "read",
    "artifacts-content-head": "read",
    "files-list": "read",
    "files-get": "read",
    "files-content": "read",
    "files-content-head": "read",
    "usage-get": "read",
    "search": "read",
}
# Where {} is no body that is taken.
BODIES: Mapping[str, Json] = {
    "runs-wait": {"timeoutMs": 0},
    "runs-events-wait": {"timeoutMs": 0},
    "runtimes-invocations-wait": {"timeoutMs": 0},
    "runtimes-invocations-create": {"action": "reload"},
    "runtimes-connections-create": {"protocol": "cdp"},
    "runs-events-ingest": {"type": "custom.x"},
    "spaces-create": {"name": "new"},
    "api-keys-create": {"name": "new", "scopes": ["ops"]},
}
QUERIES: Mapping[str, Json] = {"search": {"q": "ready"}}
NO_KEYS = {"nothing": "", "no secret": "Bearer", "another scheme": f"Basic {KEY}"}
NO_KEYS |= {
    "no key of ours": "Bearer rr_0123456789abcdef0123456789abcdef",
    "garbage": "Bearer ???",
}


@dataclass(frozen=True)
class Operation:
    """One as /openapi.json has it."""

    name: str
    method: str
    path: str

    @property
    def needs(self) -> str:
        return MAY_ASK[self.name]

    @property
    def named(self) -> list[str]:
        """What its path names."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


def operations(described: Json) -> list[Operation]:
    return [
        Operation(each["operationId"], method.upper(), path)
        for path, methods in described["paths"].items()
        for method, each in methods.items()
    ]


ALL = operations(document(OPERATIONS))
WITH_A_KEY = [each for each in ALL if MAY_ASK.get(each.name) != "anybody"]
OF_A_SPACE = [each for each in WITH_A_KEY if each.needs in EVERYTHING_IN_A_SPACE]


def each_of(given: list[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", given, ids=lambda each: each.name)


@dataclass(frozen=True)
class Keys:
    """Those of the scene's space, and others."""

    of: dict[str, Json]
    other: Json
    ended: dict[str, Json]


@pytest.fixture(scope="module")
async def keys(recorder: Running, space_id: str) -> Keys:
    other = await make_key(recorder, *EVERYTHING_IN_A_SPACE, spaceId=await make_space(recorder))
    every = (*EVERYTHING_IN_A_SPACE, "ops")
    return Keys(
        of={scope: await make_key(recorder, scope, spaceId=space_id) for scope in every[:-1]}
        | {"ops": await make_key(recorder, "ops")},
        other=other,
        ended={
            "expired": await make_expired_key(recorder, *every),
            "revoked": await make_revoked_key(recorder, *every),
        },
    )


@pytest.fixture(scope="module")
async def space_id(recorder: Running) -> str:
    return await make_space(recorder)


@pytest.fixture(scope="module")
async def scene(recorder: Running, worker: FakeWorker, space_id: str) -> Scene:
    """What is only looked at."""
    return await make_scene(recorder, worker, space_id)


_addresses = (f"127.1.{high}.{low}" for high in range(256) for low in range(1, 255))


@asynccontextmanager
async def stranger(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client at an address of its own: who tries many keys from one is slowed down."""
    transport = httpx.AsyncHTTPTransport(verify=False, local_address=next(_addresses))
    async with httpx.AsyncClient(base_url=url, transport=transport, timeout=60) as http:
        yield http


async def ask(
    http: httpx.AsyncClient,
    operation: Operation,
    ids: Mapping[str, str],
    headers: Mapping[str, str],
) -> httpx.Response:
    """The answer; of a stream its head alone."""
    path = operation.path.format_map(dict.fromkeys(operation.named, UNKNOWN) | dict(ids))
    body = BODIES.get(operation.name, {}) if operation.method in ("POST", "PATCH") else None
    query = QUERIES.get(operation.name)
    async with http.stream(
        operation.method, path, json=body, params=query, headers=headers
    ) as answer:
        if "event-stream" not in answer.headers.get("content-type", ""):
            await answer.aread()
        return answer


def test_each_route_is_in_the_table() -> None:
    named = {each.name for each in ALL}
    assert named - set(MAY_ASK) == set(), "say in MAY_ASK who may ask it"
    assert set(MAY_ASK) - named == set(), "no such route any more"


async def test_all_routes_are_described(recorder: Running) -> None:
    assert operations(await recorder.get("/openapi.json")) == ALL


def test_each_route_is_bound_to_a_space() -> None:
    assert list(unguarded(OPERATIONS)) == []


@each_of(WITH_A_KEY)
async def test_without_a_key(recorder: Running, scene: Scene, operation: Operation) -> None:
    for given in NO_KEYS.values():
        async with stranger(recorder.url) as http:
            answer = await ask(http, operation, scene.ids, {"authorization": given})
        assert answer.status_code == 401, (operation, given)
        assert operation.method == "HEAD" or answer.json()["code"] == "auth.required"


@each_of(WITH_A_KEY)
@pytest.mark.parametrize("how", ["expired", "revoked"])
async def test_with_a_key_that_has_ended(
    recorder: Running, scene: Scene, keys: Keys, operation: Operation, how: str
) -> None:
    answer = await ask(recorder.http, operation, scene.ids, bearer(keys.ended[how]))
    assert answer.status_code == 401


@each_of(OF_A_SPACE)
async def test_with_a_key_of_another_space(
    recorder: Running, scene: Scene, keys: Keys, operation: Operation
) -> None:
    """What is there for others, and what never was: it is told the same."""
    there = await ask(recorder.http, operation, scene.ids, bearer(keys.other))
    never = await ask(recorder.http, operation, {}, bearer(keys.other))
    assert there.status_code == never.status_code
    if operation.named:
        assert there.status_code == 404
        assert told(there) == told(never)
    assert not [each for each in scene.ids.values() if each in told(there)]


def told(answer: httpx.Response) -> str:
    text = "" if answer.request.method == "HEAD" else answer.text
    return text.replace(answer.headers["x-request-id"], "")


@each_of([each for each in WITH_A_KEY if each.needs in (*EVERYTHING_IN_A_SPACE, "ops")])
async def test_with_keys_that_lack_the_scope(
    recorder: Running, scene: Scene, keys: Keys, operation: Operation
) -> None:
    for scope, key in keys.of.items():
        if scope != operation.needs:
            answer = await ask(recorder.http, operation, scene.ids, bearer(key))
            assert answer.status_code == 403, (operation, scope)
            assert operation.method == "HEAD" or answer.json()["code"] == "auth.forbidden"


@each_of(WITH_A_KEY)
async def test_with_the_key_that_may(
    recorder: Running, worker: FakeWorker, keys: Keys, space_id: str, operation: Operation
) -> None:
    """On a scene of its own: some of them end it."""
    own = await make_scene(recorder, worker, space_id)
    ids = own.ids | {"keyId": (await make_key(recorder, "ops"))["id"]}
    needed = "read" if operation.needs == "any key" else operation.needs
    answer = await ask(recorder.http, operation, ids, bearer(keys.of[needed]))
    assert answer.status_code < 300 or answer.status_code == 409, answer.text


@each_of([each for each in ALL if MAY_ASK.get(each.name) == "anybody"])
async def test_what_needs_no_key(recorder: Running, operation: Operation) -> None:
    async with stranger(recorder.url) as http:
        assert (await ask(http, operation, {}, {})).status_code == 200


# --- what only some keys are shown ---


async def test_lists_show_a_space_only(
    recorder: Running, worker: FakeWorker, scene: Scene, keys: Keys
) -> None:
    own_space = keys.other["spaceId"]
    own = await make_scene(recorder, worker, own_space)
    for path, shown in (
        ("/v1/spaces", own_space),
        ("/v1/runtimes", own.run.runtime_id),
        ("/v1/runs", own.run.run_id),
        ("/v1/files", own.ids["fileId"]),
        ("/v1/search?q=browser OR ready", ""),
        ("/v1/usage?groupBy=runtime", own.run.runtime_id),
        ("/v1/usage?groupBy=space", own_space),
    ):
        answer = await recorder.http.get(path, headers=bearer(keys.other))
        assert answer.status_code == 200, answer.text
        assert shown in answer.text, path
        assert not [each for each in scene.ids.values() if each in answer.text], path


@pytest.mark.parametrize(
    "path", ["/v1/runtimes", "/v1/runs", "/v1/files", "/v1/search", "/v1/usage"]
)
async def test_filters_lead_nowhere_else(
    recorder: Running, scene: Scene, keys: Keys, path: str
) -> None:
    for space in (scene.space_id, UNKNOWN, "default"):
        query = {"spaceId": space, "q": "ready"}
        answer = await recorder.http.get(path, params=query, headers=bearer(keys.other))
        assert (answer.status_code, answer.json()["code"]) == (404, "space.not_found")
    ids = {name: scene.ids[name] for name in ("runtimeId", "runId")}
    answer = await recorder.http.get(path, params=ids | {"q": "ready"}, headers=bearer(keys.other))
    assert not [each for each in scene.ids.values() if each in answer.text]


async def test_nothing_is_made_elsewhere(recorder: Running, scene: Scene, keys: Keys) -> None:
    """Where it says no space, its own is meant."""
    made = await recorder.http.post("/v1/runtimes", json={}, headers=bearer(keys.other))
    assert made.json()["spaceId"] == keys.other["spaceId"]
    for space in (scene.space_id, "default", UNKNOWN):
        body = {"spaceId": space}
        answer = await recorder.http.post("/v1/runtimes", json=body, headers=bearer(keys.other))
        assert (answer.status_code, answer.json()["code"]) == (404, "space.not_found")


async def test_files_of_another_space_are_not_uploaded(
    recorder: Running, worker: FakeWorker, scene: Scene, keys: Keys
) -> None:
    own = await make_scene(recorder, worker, keys.other["spaceId"])
    upload = {
        "action": "upload",
        "locator": {"css": "input"},
        "files": [{"fileId": scene.ids["fileId"]}],
    }
    path = f"/v1/runtimes/{own.run.runtime_id}/invocations"
    answer = await recorder.http.post(path, json=upload, headers=bearer(keys.other))
    assert (answer.status_code, answer.json()["code"]) == (404, "file.not_found"), answer.text


async def test_only_who_may_drive_is_given_the_url(
    recorder: Running, scene: Scene, keys: Keys
) -> None:
    for path in (f"/v1/runtimes/{scene.run.runtime_id}", "/v1/runtimes"):
        answer = await recorder.http.get(path, headers=bearer(keys.of["read"]))
        assert answer.status_code == 200
        assert "/cdp/" not in answer.text
        assert "/cdp/" in (await recorder.http.get(path)).text


async def test_a_cursor_of_another_key_shows_nothing_more(
    recorder: Running, worker: FakeWorker, scene: Scene, keys: Keys
) -> None:
    for path in ("/v1/runtimes", "/v1/runs", "/v1/files"):
        await make_scene(recorder, worker, scene.space_id)
        cursor = (await recorder.get(path, limit=1))["nextCursor"]
        query = {"cursor": cursor, "limit": 1000}
        answer = await recorder.http.get(path, params=query, headers=bearer(keys.other))
        assert answer.status_code == 200
        assert not [each for each in scene.ids.values() if each in answer.text]


async def test_what_was_asked_once_is_each_keys_own(
    recorder: Running, scene: Scene, keys: Keys
) -> None:
    headers = {"idempotency-key": f"k-{next(count())}-{scene.space_id}"}
    first = await recorder.http.post("/v1/runtimes", json={"name": "a"}, headers=headers)
    again = await recorder.http.post(
        "/v1/runtimes", json={"name": "a"}, headers=headers | bearer(keys.other)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] != again.json()["id"]


async def test_a_key_of_a_space_runs_no_organization(recorder: Running, space_id: str) -> None:
    body = {"name": "x", "scopes": ["ops"], "spaceId": space_id}
    answer = await recorder.http.post("/v1/api-keys", json=body)
    assert answer.status_code == 400
    assert (await whoami(recorder, await make_key(recorder, "read"))).status_code == 200

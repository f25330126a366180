"""Whatever comes in, the answer is the contract's envelope: never a 5xx of ours, never a stack trace."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, new_id

UNKNOWN = "01930000-0000-7000-8000-000000000000"


def check(answer: httpx.Response, status: int, code: str, path: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert body["code"] == code
    assert body["requestId"] == answer.headers["x-request-id"]
    assert body["error"]
    assert body["reasonClass"]
    assert "Traceback" not in answer.text
    if path is not None:
        assert body["details"]["path"] == path


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"/v1/spaces/{UNKNOWN}", "space.not_found"),
        ("GET", f"/v1/runtimes/{UNKNOWN}", "runtime.not_found"),
        ("POST", f"/v1/runtimes/{UNKNOWN}/start", "runtime.not_found"),
        ("POST", f"/v1/runtimes/{UNKNOWN}/stop", "runtime.not_found"),
        ("GET", f"/v1/runtimes/{UNKNOWN}/runs", "runtime.not_found"),
        ("GET", f"/v2/runtimes/{UNKNOWN}/runs", "runtime.not_found"),
        ("GET", f"/v1/runs/{UNKNOWN}", "run.not_found"),
        ("POST", f"/v1/runs/{UNKNOWN}/wait", "run.not_found"),
        ("GET", f"/v1/runs/{UNKNOWN}/events", "run.not_found"),
        ("GET", f"/v1/runs/{UNKNOWN}/events/stream", "run.not_found"),
        ("POST", f"/v1/runs/{UNKNOWN}/events/wait", "run.not_found"),
        ("GET", "/v1/runs/%00", "run.not_found"),
        ("GET", "/v1/runs/%ff%fe", "run.not_found"),
        ("GET", "/v1/runs/' OR 1=1 --", "run.not_found"),
        ("GET", "/v1/runs/" + "x" * 5000, "run.not_found"),
        ("GET", "/v1/nothing", "route.not_found"),
        ("GET", "/v3", "route.not_found"),
        ("GET", "/v1/runs/a/b/c/d", "route.not_found"),
    ],
)
async def test_unknown(recorder: Running, method: str, path: str, code: str) -> None:
    check(await recorder.http.request(method, path), 404, code)


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
async def test_method_that_is_not_taken(recorder: Running, method: str) -> None:
    answer = await recorder.http.request(method, "/v1/runs")
    check(answer, 405, "request.method_not_allowed")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "$.limit"),
        ("limit=-1", "$.limit"),
        ("limit=1001", "$.limit"),
        ("limit=ten", "$.limit"),
        ("limit=", "$.limit"),
        ("limit=1.5", "$.limit"),
        ("limit=99999999999999999999", "$.limit"),
        ("cursor=", "$.cursor"),
        ("cursor=garbage", "$.cursor"),
        ("cursor=%00", "$.cursor"),
        ("cursor=%C3%A9", "$.cursor"),
        ("cursor=WzEsIngiLCJhIiwiYiJd", "$.cursor"),
        ("status=sleeping", "$.status"),
        ("q=%ff", "$"),
    ],
)
@pytest.mark.parametrize("path_of", ["/v1/runs", "/v1/runtimes"])
async def test_bad_query(recorder: Running, path_of: str, query: str, path: str) -> None:
    check(await recorder.http.get(f"{path_of}?{query}"), 400, "request.invalid", path)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("since=yesterday", "$.since"),
        ("until=2026-01-01", "$.until"),
        ("since=2026-01-01T00:00:00", "$.since"),
        ("since=0001-01-01T00:00:00%2B14:00", "$.since"),
        ("order=sideways", "$.order"),
        ("limit=0", "$.limit"),
        ("cursor=garbage", "$.cursor"),
    ],
)
async def test_bad_query_of_events(recorder: Running, run: FakeRun, query: str, path: str) -> None:
    answer = await recorder.http.get(f"/v1/runs/{run.run_id}/events?{query}")
    check(answer, 400, "request.invalid", path)


async def test_cursor_of_another_list(recorder: Running, run: FakeRun) -> None:
    for _ in range(2):
        await recorder.post("/v1/spaces", {"name": "x"}, status=201)
    spaces = await recorder.get("/v1/spaces", limit=1)
    events = await recorder.get(f"/v1/runs/{run.run_id}/events", limit=1)
    wrong = [
        ("/v1/runs", spaces["nextCursor"]),
        ("/v1/spaces", events["nextCursor"]),
        (f"/v1/runs/{run.run_id}/events", spaces["nextCursor"]),
    ]
    for path, cursor in wrong:
        assert cursor
        answer = await recorder.http.get(path, params={"cursor": cursor})
        check(answer, 400, "request.invalid", "$.cursor")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{", "$"),
        (b"nonsense", "$"),
        (b"\xff\xfe", "$"),
        (b'{"name": "\xff"}', "$"),
        (b'{"name": "\\ud800"}', "$"),
        (b"[]", "$"),
        (b"null", "$"),
        (b'"text"', "$"),
        (b'{"name": 1}', "$.name"),
        (b'{"name": ""}', "$.name"),
        (b'{"name": "' + b"x" * 201 + b'"}', "$.name"),
        (b'{"type": "phone"}', "$.type"),
        (b'{"start": "yes"}', "$.start"),
        (b'{"metadata": {"a": []}}', "$.metadata[...]"),
        (b'{"config": []}', "$.config"),
        (b'{"config": {"viewport": {"width": "wide"}}}', "$.config.viewport.width"),
        (b'{"config": {"viewport": {"width": 0}}}', "$.config.viewport.width"),
        (b'{"config": {"viewport": {"width": 1e400}}}', None),
        (b"[" * 100_000, "$"),
    ],
)
async def test_bad_body(recorder: Running, body: bytes, path: str | None) -> None:
    answer = await recorder.http.post(
        "/v1/runtimes", content=body, headers={"content-type": "application/json"}
    )
    check(answer, 400, "request.invalid", path)


async def test_metadata_too_large_to_be_stored(recorder: Running) -> None:
    answer = await recorder.http.post("/v1/runtimes", json={"metadata": {"a": "x" * 300_000}})
    check(answer, 400, "request.invalid")


async def test_unknown_space(recorder: Running) -> None:
    answer = await recorder.http.post("/v1/runtimes", json={"spaceId": UNKNOWN})
    check(answer, 404, "space.not_found")


async def test_body_over_10_mb(recorder: Running) -> None:
    answer = await recorder.http.post("/v1/runtimes", content=b'"' + b"x" * 10_000_001)
    check(answer, 413, "request.too_large")


async def test_body_over_10_mb_of_unknown_length(recorder: Running) -> None:
    async def chunks() -> Any:
        for _ in range(11):
            yield b"x" * 1_000_000

    answer = await recorder.http.post("/v1/runtimes", content=chunks())
    check(answer, 413, "request.too_large")


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "Basic a2V5", "Bearer k\u00e9y", "key"],
)
async def test_wrong_key(recorder: Running, authorization: str) -> None:
    headers = {b"authorization": authorization.encode("latin-1")}
    answer = await recorder.http.get("/v1/runs", headers=headers)
    check(answer, 401, "auth.required")


@pytest.mark.parametrize("body", [None, b"", b"{}"])
@pytest.mark.parametrize("kind", [None, "application/json", "text/plain"])
async def test_post_without_body_or_content_type(
    recorder: Running, run: FakeRun, body: bytes | None, kind: str | None
) -> None:
    headers = {"content-type": kind} if kind else {}
    path = f"/v1/runtimes/{run.runtime_id}/start"
    answer = await recorder.http.post(path, content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["started"] is False


@pytest.mark.parametrize("accept", ["text/html", "image/png", "nonsense", ""])
async def test_accept_is_never_a_reason(recorder: Running, accept: str) -> None:
    answer = await recorder.http.get("/v1/runs", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("given", ["abc-1.2_3", "x" * 64])
async def test_request_id_comes_back(recorder: Running, given: str) -> None:
    answer = await recorder.http.get("/v1/runs", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "<script>", "é".encode().decode("latin-1")])
async def test_request_id_that_is_none_is_replaced(recorder: Running, given: str) -> None:
    headers = {b"x-request-id": given.encode("latin-1")}
    answer = await recorder.http.get("/v1/nothing", headers=headers)
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])
    check(answer, 404, "route.not_found")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
async def test_foreign_host(recorder: Running, host: str) -> None:
    answer = await recorder.http.get("/healthz", headers={"host": host})
    check(answer, 403, "auth.forbidden")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8787", "LOCALHOST:1", "[::1]:8787"])
async def test_own_host(recorder: Running, host: str) -> None:
    assert (await recorder.http.get("/healthz", headers={"host": host})).status_code == 200


async def test_stop_of_what_is_not_active(recorder: Running) -> None:
    runtime = await recorder.post("/v1/runtimes", {"name": "idle"}, status=201)
    answer = await recorder.http.post(f"/v1/runtimes/{runtime['id']}/stop")
    check(answer, 409, "runtime.not_active")


async def test_bad_min_position(recorder: Running) -> None:
    answer = await recorder.http.get("/v1/runs", headers={"x-runreel-min-position": "new"})
    check(answer, 400, "request.invalid", "x-runreel-min-position")


@pytest.mark.parametrize("wait", ["wait", "events/wait"])
@pytest.mark.parametrize("value", [-1, 120_001, "soon", None])
async def test_bad_time_out(recorder: Running, run: FakeRun, wait: str, value: object) -> None:
    path = f"/v1/runs/{run.run_id}/{wait}"
    answer = await recorder.http.post(path, json={"timeoutMs": value})
    check(answer, 400, "request.invalid", "$.timeoutMs")


async def test_broken_http_is_answered_in_the_envelope_too(recorder: Running) -> None:
    url = urlsplit(recorder.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"NONSENSE\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b"400" in head.splitlines()[0]
    assert b"application/json" in head
    assert b'"code":"request.invalid"' in body


async def test_ids_are_not_guessed_from_case(recorder: Running) -> None:
    assert (await recorder.http.get(f"/v1/runs/{new_id().upper()}")).status_code == 404


@pytest.mark.parametrize("name", ["type", "category", "status"])
async def test_many_values(recorder: Running, run: FakeRun, name: str) -> None:
    events = f"/v1/runs/{run.run_id}/events"
    for count in (101, 2000):
        values = [f"a.{number}" for number in range(count)]
        answer = await recorder.http.get(events, params={name: ",".join(values)})
        check(answer, 400, "request.invalid", f"$.{name}")
        answer = await recorder.http.post(f"{events}/wait", json={name: values})
        check(answer, 400, "request.invalid", f"$.{name}")


async def test_as_many_values_as_may_be(recorder: Running, run: FakeRun) -> None:
    events = f"/v1/runs/{run.run_id}/events"
    types = [f"a.{number}" for number in range(49)] + [f"b.{number}*" for number in range(50)]
    found = await recorder.get(events, type=",".join([*types, "runtime.*"]))
    assert len(found["data"]) == 2
    found = await recorder.get(events, type=",".join([*types, "runtime.lifecycle"]))
    assert len(found["data"]) == 2
    wanted = {"type": types, "timeoutMs": 0}
    assert (await recorder.post(f"{events}/wait", wanted))["timedOut"] is True


async def test_many_statuses_of_runs(recorder: Running) -> None:
    for path in ("/v1/runs", "/v1/runtimes"):
        answer = await recorder.http.get(path, params={"status": ",".join(["active"] * 101)})
        check(answer, 400, "request.invalid", "$.status")

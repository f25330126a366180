"""Every endpoint, asked by schemathesis for what /openapi.json says it takes and for what it does not: each
answer is as documented, and none is an error of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from recorder.api.application import OPERATIONS
from recorder.api.endpoint import Endpoint
from recorder.api.openapi import document
from tests.support.recorder_running import KEY, Running
from tests.support.recorder_worker import FakeRun, FakeWorker

EXAMPLES = 10


def _without_keys(described: Any) -> Any:
    """Every request brings the key: what comes without one is another test's."""
    for operation in (each for path in described["paths"].values() for each in path.values()):
        parameters = operation["parameters"]
        operation["parameters"] = [each for each in parameters if each["name"] != "Authorization"]
    return {**described, "security": []}


SCHEMA = schemathesis.openapi.from_dict(_without_keys(document(OPERATIONS)))
load_all_checks()
# Left out is "what fits the schema is taken": cursors are opaque, and times and statuses are checked by meaning.
WANTED = CHECKS.get_by_names(
    [
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
        "negative_data_rejection",
    ]
)
OF_A_RUN = {"targets": "targetId", "connections": "connectionId", "invocations": "invocationId"}
BODIES = {"invocations": {"action": "reload"}}
LONGEST = {"timeoutMs": 120_000, "timeoutSeconds": 120}


@pytest.fixture
async def ended(recorder: Running, worker: FakeWorker, run: FakeRun) -> str:
    """A run whose events can be read to their end."""
    await recorder.post(f"/v1/runtimes/{run.runtime_id}/stop")
    return run.run_id


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda each: each.name)
async def test_answers_are_as_documented(
    recorder: Running, worker: FakeWorker, ended: str, endpoint: Endpoint
) -> None:
    await asyncio.to_thread(_ask, endpoint, recorder.url, ended)


def _ask(endpoint: Endpoint, url: str, run_id: str) -> None:
    operation = SCHEMA[endpoint.path][endpoint.method]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {KEY}"}, timeout=60) as http:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, real=st.sampled_from([True, True, True, False]))
        def once(case: Any, real: bool) -> None:
            if real:
                case.path_parameters.update(_real_ids(http, endpoint.path, run_id))
            _stop_what_runs(http, _ask_once(case, url), case.path_parameters)

        once()


def _real_ids(http: httpx.Client, path: str, run_id: str) -> dict[str, str]:
    """Of things that are there, as far as they are asked for. What only a run has, an active runtime has."""
    made = {"runId": run_id}
    if "{spaceId}" in path:
        made["spaceId"] = http.post("/v1/spaces", json={"name": "asked"}).json()["id"]
    if "{runtimeId}" in path:
        active = any(kind in path for kind in OF_A_RUN)
        runtime = http.post("/v1/runtimes", json={"start": active}).json()["id"]
        made["runtimeId"] = runtime
        for kind, name in OF_A_RUN.items():
            if f"{{{name}}}" in path:
                body = BODIES.get(kind, {})
                made[name] = http.post(f"/v1/runtimes/{runtime}/{kind}", json=body).json()["id"]
        if path.endswith("/wait"):
            http.post(f"/v1/runtimes/{runtime}/invocations/{made.get('invocationId')}/cancel")
    return {name: each for name, each in made.items() if f"{{{name}}}" in path}


def _stop_what_runs(http: httpx.Client, answer: Any, asked: Mapping[str, str]) -> None:
    made = answer.get("id") if isinstance(answer, dict) and answer.get("activeRunId") else None
    if runtime_id := made or asked.get("runtimeId"):
        http.post(f"/v1/runtimes/{quote(runtime_id, safe='')}/stop")


def _ask_once(case: Any, url: str) -> Any:
    """The body of the answer, where it is JSON."""
    for part in (case.body, case.query):
        _make_short(part)
    response = case.call(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=60)
    assert response.status_code < 500 or _is_nobodys_fault(response), response.text
    case.validate_response(response, checks=WANTED)
    return response.json() if "json" in response.headers["content-type"][0] else None


def _make_short(part: Any) -> None:
    """Nobody waits here; what is too long stays so."""
    for name, most in LONGEST.items():
        if isinstance(part, dict) and isinstance(part.get(name), int | float):
            part[name] = 0 if 0 <= part[name] <= most else part[name]


def _is_nobodys_fault(response: Any) -> bool:
    """A runtime may ask for a host with labels that no worker has."""
    return bool(
        response.status_code == 503 and response.json()["code"] == "runtime.host_unavailable"
    )

"""/openapi.json, and the operation of seed 004 compared with it by meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from recorder.api.application import OPERATIONS
from tests.support.recorder_running import Running

SEED = Path(__file__).parent / "seeds" / "004-runtime-runs.yaml"
PATH = "/v2/runtimes/{runtimeId}/runs"


@pytest.fixture
async def document(recorder: Running) -> Any:
    answer = await recorder.http.get("/openapi.json", headers={"authorization": ""})
    assert answer.status_code == 200
    return answer.json()


def resolved(document: Any, node: Any, open_refs: frozenset[str] = frozenset()) -> Any:
    """A node with its references followed and what only words differ in left out. One within itself stays."""
    if isinstance(node, list):
        return [resolved(document, each, open_refs) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        if node["$ref"] in open_refs:
            return node
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/")]
        return resolved(document, target, open_refs | {node["$ref"]})
    return {
        key: resolved(document, value, open_refs)
        for key, value in node.items()
        if key not in ("title", "description", "default")
    }


def meaning(schema: Any) -> Any:
    """A schema in one spelling: where order says nothing, sorted."""
    if isinstance(schema, list):
        return [meaning(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: meaning(value) for key, value in schema.items()}
    for key in ("required", "enum", "type"):
        if isinstance(schema.get(key), list):
            schema[key] = sorted(schema[key])
    return schema


def without_bounds(schema: Any) -> Any:
    """Ours says the limits that the contract sets; the seed leaves them out."""
    return {key: value for key, value in schema.items() if key not in ("minimum", "maximum")}


async def test_seed_004(document: Any) -> None:
    seed = yaml.safe_load(SEED.read_text())
    wanted, found = (each["paths"][PATH]["get"] for each in (seed, document))
    assert found["operationId"] == wanted["operationId"]
    assert found["summary"] == wanted["summary"]
    assert found["description"] == wanted["description"]
    assert found["tags"] == wanted["tags"]
    assert parameters(document, found) == parameters(seed, wanted)
    assert answer(document, found) == answer(seed, wanted)


def parameters(document: Any, operation: Any) -> Any:
    given = resolved(document, operation["parameters"])
    return {
        (each["in"], each["name"]): (each["required"], without_bounds(meaning(each["schema"])))
        for each in given
    }


def answer(document: Any, operation: Any) -> Any:
    content = operation["responses"]["200"]["content"]["application/json"]
    return meaning(resolved(document, content["schema"]))


async def test_every_operation_is_described(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    for endpoint in OPERATIONS:
        operation = document["paths"][endpoint.path][endpoint.method.lower()]
        assert operation["operationId"] == endpoint.name
        assert operation["description"]
        assert "500" in operation["responses"]
    names = [endpoint.name for endpoint in OPERATIONS]
    assert len(set(names)) == len(names)


async def test_security(document: Any) -> None:
    assert document["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    assert document["security"] == [{"bearerAuth": []}]
    assert document["paths"]["/healthz"]["get"]["security"] == []


async def test_errors_are_described(document: Any) -> None:
    operation = document["paths"]["/v1/runs/{runId}"]["get"]
    problem = operation["responses"]["404"]["content"]["application/json"]["schema"]
    schema = resolved(document, problem)
    assert {"error", "code", "reasonClass", "requestId"} <= set(schema["properties"])


async def test_all_references_lead_somewhere(document: Any) -> None:
    resolved(document, document["paths"])


@pytest.mark.parametrize(
    ("path", "method"), [("events", "get"), ("events/stream", "get"), ("events/wait", "post")]
)
async def test_events_that_have_left_are_described(document: Any, path: str, method: str) -> None:
    operation = document["paths"][f"/v1/runs/{{runId}}/{path}"][method]
    assert operation["responses"]["410"]["description"] == "cursor.expired"


async def test_metadata_is_looked_for_by_name(document: Any) -> None:
    listed = document["paths"]["/v1/runtimes"]["get"]["parameters"]
    [found] = [each for each in listed if each["name"] == "metadata"]
    assert (found["style"], found["schema"]["type"]) == ("deepObject", "object")


@pytest.mark.parametrize("path", ["/v1/runtimes", "/v1/runtimes/{runtimeId}/start"])
async def test_idempotency_keys_are_described(document: Any, path: str) -> None:
    operation = document["paths"][path]["post"]
    [found] = [each for each in operation["parameters"] if each["name"] == "Idempotency-Key"]
    assert (found["in"], found["required"]) == ("header", False)
    assert "idempotency.conflict" in operation["responses"]["409"]["description"]


async def test_password_is_taken_and_never_shown(document: Any) -> None:
    def proxy_of(schema: Any) -> set[str]:
        config = resolved(document, schema)["properties"]["config"]
        objects = [config, *config.get("anyOf", [])]
        [proxy] = [each["properties"]["proxy"] for each in objects if "properties" in each]
        objects = [proxy, *proxy.get("anyOf", [])]
        [fields] = [each["properties"] for each in objects if "properties" in each]
        return set(fields)

    made = document["paths"]["/v1/runtimes"]["post"]
    changed = document["paths"]["/v1/runtimes/{runtimeId}"]["patch"]
    for operation, status in ((made, "201"), (changed, "200")):
        [asked] = operation["requestBody"]["content"].values()
        [shown] = operation["responses"][status]["content"].values()
        assert proxy_of(asked["schema"]) == {"server", "username", "password"}
        assert proxy_of(shown["schema"]) == {"server", "username"}

"""What the catalogue's files must hold. Pure: a mapping of file name to content."""

from __future__ import annotations

from typing import Any

import msgspec

from .. import subjects
from ..envelope import CONTENT_TYPE, Event
from ..events import EVENT_TYPES, EventType
from ..types import JsonObject

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EVENTS = "events"
ASYNCAPI = "asyncapi.json"

# Types that a recorder writes about resources; all others are about the course of a run.
ON_CONTROL = ("space.", "run.", "runtime.created")


def catalogue() -> dict[str, bytes]:
    """Every file of the catalogue by its path under `schemas/catalogue/`."""
    files = {f"{EVENTS}/{name}.json": event_schema(spec) for name, spec in EVENT_TYPES.items()}
    files[ASYNCAPI] = asyncapi()
    return {path: _pretty(content) for path, content in files.items()}


def event_schema(spec: EventType) -> JsonObject:
    """The JSON Schema of one event as it lies on the stream: envelope and body."""
    (reference,), components = msgspec.json.schema_components(
        [spec.struct], ref_template="#/$defs/{name}"
    )
    envelope = _envelope_schema()
    properties = envelope["properties"]
    properties["type"] = {"const": spec.name}
    properties["dataversion"] = {"const": spec.version}
    properties["data"] = reference
    return {
        "$schema": DIALECT,
        "title": spec.name,
        "description": _summary(spec),
        "x-category": spec.category,
        **{key: value for key, value in envelope.items() if key not in ("title", "description")},
        "$defs": components,
    }


def asyncapi() -> JsonObject:
    """The streams as channels, the events as their messages (AsyncAPI 3.0)."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Runreel's streams",
            "version": "1",
            "description": "Every event that workers and recorders publish to NATS JetStream.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {name: _channel(spec) for name, spec in EVENT_TYPES.items()},
        "operations": {name: _operation(name) for name in EVENT_TYPES},
        "components": {"messages": {name: _message(spec) for name, spec in EVENT_TYPES.items()}},
    }


def _envelope_schema() -> dict[str, Any]:
    _, components = msgspec.json.schema_components([Event])
    envelope: dict[str, Any] = components["Event"]
    return envelope


def _channel(spec: EventType) -> JsonObject:
    parameters = ("space", "resourceId") if _on_control(spec) else ("space", "run", "writer")
    return {
        "address": _address(spec),
        "parameters": {name: {} for name in parameters},
        "messages": {spec.name: {"$ref": f"#/components/messages/{_pointer(spec.name)}"}},
    }


def _address(spec: EventType) -> str:
    if _on_control(spec):
        resource, _, happening = spec.name.partition(".")
        return subjects.control_event("{space}", resource, "{resourceId}", happening)
    return subjects.run_event("{space}", "{run}", "{writer}", spec.name)


def _operation(name: str) -> JsonObject:
    return {"action": "receive", "channel": {"$ref": f"#/channels/{_pointer(name)}"}}


def _message(spec: EventType) -> JsonObject:
    return {
        "name": spec.name,
        "summary": _summary(spec),
        "contentType": CONTENT_TYPE,
        "payload": {"$ref": f"./{EVENTS}/{spec.name}.json"},
    }


def _on_control(spec: EventType) -> bool:
    return spec.name.startswith(ON_CONTROL)


def _summary(spec: EventType) -> str:
    return " ".join((spec.struct.__doc__ or "").split())


def _pointer(name: str) -> str:
    """A name as part of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _pretty(content: JsonObject) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"

"""The body that asks for an action: read, and said better than its type could say what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from recorder.api import parse
from schemas.actions import Action, Batch, Extract, Step, Upload
from schemas.problems import OutputSchemaInvalid, RequestInvalid

KNOWN: tuple[str, ...] = tuple(str(kind.__struct_config__.tag) for kind in Action.__args__)
NEED_A_MODEL = ("act", "observe", "stagehandAgent", "browserUse")
NO_MODEL = (
    "No model is configured here, so nothing can be done by instruction alone. Say where and how:"
    " navigate, click, type, or extract with an outputSchema whose x-selector keywords say where values stand."
)


class _Named(Struct):
    action: Any = None


def read(raw: bytes) -> Action:
    """An action of a body. Raises RequestInvalid, OutputSchemaInvalid."""
    _refuse_unknown(parse.body(raw, _Named).action)
    action: Action = parse.body(raw, Action)  # type: ignore[arg-type]  # a union is no type
    for step in steps(action):
        if isinstance(step, Extract):
            _refuse_without_selectors(step)
    return action


def steps(action: Action) -> Iterator[Action | Step]:
    """What it does, one after the other."""
    yield from action.actions if isinstance(action, Batch) else (action,)


def file_ids(action: Action) -> list[str]:
    """The stored files that it names, each once, in their order."""
    uploads = [step for step in steps(action) if isinstance(step, Upload)]
    return list(
        dict.fromkeys(file.file_id for each in uploads for file in each.files if file.file_id)
    )


def _refuse_unknown(name: object) -> None:
    if name in NEED_A_MODEL:
        raise RequestInvalid(
            f"$.action: {name} needs a model.", hint=NO_MODEL, details={"path": "$.action"}
        )
    if name not in KNOWN:
        raise RequestInvalid(
            f"$.action: there is no such action. There are {', '.join(KNOWN)}.",
            details={"path": "$.action", "known": KNOWN},
        )


def _refuse_without_selectors(extract: Extract) -> None:
    if extract.output_schema is None:
        raise RequestInvalid(
            "$.outputSchema: extract needs one.", hint=NO_MODEL, details={"path": "$.outputSchema"}
        )
    if not _has_selector(extract.output_schema):
        raise OutputSchemaInvalid(
            "The output schema does not say where a value stands.",
            hint=NO_MODEL,
            details={"path": "$.outputSchema"},
        )


def _has_selector(schema: dict[str, Any]) -> bool:
    # A JSON text: a schema may be deep, and may hold anything.
    return b'"x-selector"' in msgspec.json.encode(schema)

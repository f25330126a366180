"""What can be set, as rows: read from `schemas.settings`, so never stale."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from deploy.environment import SECRETS
from schemas.settings import RecorderSettings, Settings, WorkerSettings, variable

UNITS = {"runs_max_bytes": "8 GiB", "control_max_bytes": "2 GiB", "run_bytes": "512 MiB"}


class Variable(Struct, frozen=True):
    """One environment variable. `default` is empty when there is none to speak of; `needed`: it
    must be set.
    """

    name: str
    meaning: str
    default: str
    needed: bool
    secret: bool


def variables(kind: type[Settings]) -> list[Variable]:
    """What a process can be told: its own settings first, then those that all share."""
    shared = {field.name for field in msgspec.structs.fields(Settings)}
    fields = msgspec.structs.fields(kind)
    return [_variable(f) for f in sorted(fields, key=lambda field: field.name in shared)]


def shared_variables() -> list[Variable]:
    """What worker and recorder share."""
    return [_variable(field) for field in msgspec.structs.fields(Settings)]


def own_variables(kind: type[WorkerSettings] | type[RecorderSettings]) -> list[Variable]:
    """What only this process takes."""
    shared = {row.name for row in shared_variables()}
    return [row for row in variables(kind) if row.name not in shared]


def _variable(field: msgspec.structs.FieldInfo) -> Variable:
    from_the_host = field.name in ("worker_id", "recorder_id")
    return Variable(
        name=variable(field.name),
        meaning=_description(field.type),
        default="the host's name" if from_the_host else _default(field),
        needed=field.required and not from_the_host,
        secret=field.name in SECRETS,
    )


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    return UNITS.get(field.name, str(field.default))


def _description(annotated: Any) -> str:
    """The description of `Annotated[T, Meta(description=…)]`; the outermost wins."""
    notes = getattr(annotated, "__metadata__", ())
    return next((note.description for note in reversed(notes) if note.description), "")

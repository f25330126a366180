"""In which space a thing is that a path names. What is not there is in none."""

from __future__ import annotations

from collections.abc import Mapping

from recorder.queries.spaces import space_id_of
from recorder.store import Store
from schemas.problems import (
    ArtifactNotFound,
    FileNotFound,
    Problem,
    RunNotFound,
    RuntimeNotFound,
    SpaceNotFound,
)

_OF_A_FILE = """
SELECT space_id FROM files WHERE id = :id
UNION ALL SELECT space_id FROM artifacts INDEXED BY artifacts_by_id WHERE id = :id LIMIT 1
"""
_OF_A_RUN = """
SELECT space_id FROM runs WHERE id = :id UNION ALL SELECT space_id FROM digests WHERE id = :id LIMIT 1
"""
_SQL: Mapping[str, str] = {
    "spaceId": "SELECT id AS space_id FROM spaces WHERE id = :id",
    "runtimeId": "SELECT space_id FROM runtimes WHERE id = :id",
    "runId": _OF_A_RUN,
    "fileId": _OF_A_FILE,
    "artifactId": _OF_A_FILE,
}
# What a parameter of a path names, and how it is said that there is none. All else is looked for within one of these.
NOT_FOUND: Mapping[str, type[Problem]] = {
    "spaceId": SpaceNotFound,
    "runtimeId": RuntimeNotFound,
    "runId": RunNotFound,
    "fileId": FileNotFound,
    "artifactId": ArtifactNotFound,
}


async def find_space_of(store: Store, kind: str, named: str) -> str | None:
    """The space of the thing that the parameter `kind` of a path names; None where there is no such thing."""
    meant = space_id_of(named) if kind == "spaceId" else named
    row = await store.find_row(_SQL[kind], {"id": meant})
    return None if row is None else row["space_id"]

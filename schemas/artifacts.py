"""Where artifacts lie in the artifact store."""

from __future__ import annotations

ALL_OBJECTS = "artifacts/"


def object_path(space_id: str, artifact_id: str) -> str:
    """The object that has an artifact's content. Ids are UUIDs, so no name that a page chose is part of it."""
    return f"{ALL_OBJECTS}{space_id}/{artifact_id}"

"""Where artifacts lie in the artifact store."""

from __future__ import annotations


def object_path(space_id: str, artifact_id: str) -> str:
    """The object that has an artifact's content. Ids are UUIDs, so no name that a page chose is part of it."""
    return f"artifacts/{space_id}/{artifact_id}"


def objects_of(space_id: str) -> str:
    """The prefix of all artifacts of a space."""
    return f"artifacts/{space_id}/"

"""Where artifacts lie in the artifact store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

ALL_OBJECTS = "artifacts/"


def object_path(space_id: str, artifact_id: str) -> str:
    """The object that has an artifact's content. Ids are UUIDs, so no name that a page chose is part of it."""
    return f"{ALL_OBJECTS}{space_id}/{artifact_id}"


def directory_of(url: str) -> Path | None:
    """The directory that `RUNREEL_ARTIFACTS_URL` names, absolute, by its path or as `file:`; None: a provider's."""
    if url.startswith("file:"):
        return Path(unquote(urlsplit(url).path)).absolute()
    return None if "://" in url else Path(url).absolute()

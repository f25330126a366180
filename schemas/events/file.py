"""Durable files: what outlives the run that produced it. On CONTROL."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ..types import Title, Uuid
from ._registry import EventData, event
from .artifact import ArtifactKind


@event("file.created", category="artifact")
class FileCreated(EventData, frozen=True, kw_only=True):
    """A file is kept: what `artifact.created` said of it, copied by a recorder. `created_at` is that event's time."""

    file_id: Uuid
    name: Title
    path: Title
    content_type: str
    size_bytes: int
    sha256: str
    created_at: str
    kind: ArtifactKind | UnsetType = UNSET
    run_id: str | UnsetType = UNSET
    runtime_id: str | UnsetType = UNSET

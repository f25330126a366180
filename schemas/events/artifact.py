"""What a run produced and what was kept of it."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from ..types import Text, Title, Uuid
from ._registry import EventData, event

ArtifactKind = Literal["screenshot", "download", "recording", "report", "pdf", "file", "export"]
NotKeptCode = Literal["artifact.limit_exceeded", "artifact.disk_full", "artifact.unreadable"]


@event("artifact.created", category="artifact")
class ArtifactCreated(EventData, frozen=True, kw_only=True):
    """A file of the run is in the artifact store (`schemas.artifacts.object_path`): its content was stored before this
    was told. As a file it has the same id.

    `name` is safe to be a file's name; `path` is where it belongs among the run's files, relative. `sha256` in hex.
    `guid` is that of the `download` events, `command_id` the command it came of.
    """

    artifact_id: Uuid
    kind: ArtifactKind
    name: Title
    path: Title
    content_type: str
    size_bytes: int
    sha256: str
    command_id: str | UnsetType = UNSET
    guid: str | UnsetType = UNSET


@event("artifact.failed", category="artifact")
class ArtifactFailed(EventData, frozen=True, kw_only=True):
    """Something that the run produced was not kept; `code` and `message` say why."""

    kind: ArtifactKind
    name: Title
    code: NotKeptCode
    message: Text
    size_bytes: int | UnsetType = UNSET
    command_id: str | UnsetType = UNSET
    guid: str | UnsetType = UNSET

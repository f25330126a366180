"""What a run produced, and files that outlive it."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from ..types import Metadata
from .resource import Resource


class Artifact(Resource, frozen=True, kw_only=True):
    """What a run produced. `download_url` needs the key."""

    id: str
    run_id: str
    runtime_id: str
    runtime_kind: Literal["browser"] = "browser"
    kind: str
    name: str
    file_id: str
    path: str
    content_type: str
    size_bytes: int
    sha256: str
    created_at: str
    download_url: str


class File(Resource, frozen=True, kw_only=True):
    """A durable file. `type` is the artifact's kind, where it was one."""

    id: str
    space_id: str
    name: str
    path: str
    content_type: str
    size_bytes: int
    sha256: str
    source: Literal["upload", "runtime"]
    download_url: str
    metadata: Metadata
    created_at: str
    type: str | UnsetType = UNSET
    run_id: str | UnsetType = UNSET
    runtime_id: str | UnsetType = UNSET
